package line

import "errors"

var (
	// ErrConfig: what was asked for cannot be done.
	ErrConfig = errors.New("request to the line client")
	// ErrNoProduct: the batch's product is not named, and the station has not
	// just one.
	ErrNoProduct = errors.New("which product is made is not said")
	// ErrBusy: another run works in the directory.
	ErrBusy = errors.New("another run works in the directory")
	// ErrJournal: the journal is of something else, or damaged before its end.
	ErrJournal = errors.New("journal cannot be used")
	// ErrStopped: the server refuses what concerns every unit, so that the run
	// ended; units that had no answer are left for the next one.
	ErrStopped = errors.New("the run was stopped")
	// ErrUnavailable: nothing succeeded for as long as patience lasts.
	ErrUnavailable = errors.New("the server did not take anything for too long")
	// ErrOtherBatch: the server counts the devices in another batch.
	ErrOtherBatch = errors.New("the server counts the devices in another batch")
)
