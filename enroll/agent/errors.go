package agent

import "errors"

var (
	// ErrNotEnrolled: the directory holds no certificate.
	ErrNotEnrolled = errors.New("no certificate here")
	// ErrEnrolled: the directory holds a good certificate of another device.
	ErrEnrolled = errors.New("directory holds the certificate of another device")
	// ErrUnfinished: an enrolment was sent and its answer is missing, so that
	// a renewal must not take its place.
	ErrUnfinished = errors.New("an enrolment is not finished")
	// ErrNewRefused: the server issued a certificate and refuses it. The old
	// pair is still the current one.
	ErrNewRefused = errors.New("server refuses the new certificate, the old one stays")
	// ErrBusy: another process works in the directory.
	ErrBusy = errors.New("another process works in the directory")
	// ErrDirectory: the directory is unsafe, or not one of ours.
	ErrDirectory = errors.New("directory cannot be used")
	// ErrDamaged: key, certificate or state.json cannot be used. An enrolment
	// with Again puts new ones in their place.
	ErrDamaged = errors.New("the pair in the directory is damaged")
	// ErrConfig: what was asked for cannot be done.
	ErrConfig = errors.New("request to the agent")
)
