package store

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// eventBody is an event as CBOR: a map with the integer keys of Event.
type eventBody struct {
	Name   string            `cbor:"1,keyasint"`
	Time   uint64            `cbor:"2,keyasint"`
	Salt   []byte            `cbor:"3,keyasint"`
	Actor  string            `cbor:"4,keyasint,omitempty"`
	Source string            `cbor:"5,keyasint,omitempty"`
	Object string            `cbor:"6,keyasint,omitempty"`
	Serial []byte            `cbor:"7,keyasint,omitempty"`
	Issuer uint16            `cbor:"8,keyasint,omitempty"`
	Reason string            `cbor:"9,keyasint,omitempty"`
	Count  uint64            `cbor:"10,keyasint,omitempty"`
	Detail map[string]string `cbor:"11,keyasint,omitempty"`
	Digest []byte            `cbor:"12,keyasint,omitempty"`
}

// The modes never change once built; both are safe for concurrent use.
var (
	eventEncoding = must(cbor.CoreDetEncOptions().EncMode())
	eventDecoding = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   4,
		MaxMapPairs:       MaxDetail,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Encode is the deterministic CBOR of e (RFC 8949 §4.2.1): the bytes of its
// leaf. It gives a Salt to an event that has none. ErrLimit if a field is over
// its limit, ErrConflict for an unknown name or a missing time.
func (e *Event) Encode() ([]byte, error) {
	if e.Salt == [16]byte{} {
		e.Salt = newSalt()
	}
	if err := e.validate(); err != nil {
		return nil, err
	}
	b, err := encodeBody(e.body())
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.Name, err)
	}
	if len(b) > MaxEventBytes {
		return nil, fmt.Errorf("event %s of %d octets: %w", e.Name, len(b), ErrLimit)
	}
	return b, nil
}

func (e *Event) body() eventBody {
	return eventBody{
		Name: string(e.Name), Time: uint64(clampMicros(e.Time)), Salt: e.Salt[:],
		Actor: e.Actor, Source: e.Source, Object: e.Object,
		Serial: e.Serial, Issuer: uint16(e.Issuer), Reason: e.Reason,
		Count: e.Count, Detail: e.Detail, Digest: e.Digest,
	}
}

func encodeBody(body eventBody) ([]byte, error) { return eventEncoding.Marshal(body) }

// newSalt is from crypto/rand, which cannot fail.
func newSalt() (salt [16]byte) {
	_, _ = rand.Read(salt[:])
	return salt
}

func (e *Event) validate() error {
	if !e.Name.Known() || e.Time.IsZero() {
		return fmt.Errorf("event %q at %v: unknown name or no time: %w", e.Name, e.Time, ErrConflict)
	}
	if len(e.Serial) != 0 && len(e.Serial) != 16 || len(e.Digest) != 0 && len(e.Digest) != 32 {
		return fmt.Errorf("event %s with a serial of %d octets, a digest of %d: %w", e.Name, len(e.Serial), len(e.Digest), ErrConflict)
	}
	if len(e.Detail) > MaxDetail {
		return fmt.Errorf("event %s with %d details: %w", e.Name, len(e.Detail), ErrLimit)
	}
	if err := validateTexts(e.Actor, e.Source, e.Object, e.Reason); err != nil {
		return fmt.Errorf("event %s: %w", e.Name, err)
	}
	for name, value := range e.Detail {
		if err := validateTexts(name, value); err != nil {
			return fmt.Errorf("event %s, detail %q: %w", e.Name, name, err)
		}
	}
	return nil
}

// DecodeEvent reads the bytes of an event. Bytes aliases them. Names of a later
// version are read as they are. ErrCorrupt if they are not what Encode writes.
func DecodeEvent(seq uint64, b []byte) (Event, error) {
	var body eventBody
	if err := eventDecoding.Unmarshal(b, &body); err != nil {
		return Event{}, fmt.Errorf("event %d does not decode (%v): %w", seq, err, ErrCorrupt)
	}
	again, err := encodeBody(body)
	if err != nil || !bytes.Equal(again, b) || len(body.Salt) != 16 || body.Time > maxMicros {
		return Event{}, fmt.Errorf("event %d is not in its one encoding: %w", seq, ErrCorrupt)
	}
	return Event{
		Seq: seq, Bytes: b,
		Name: EventName(body.Name), Time: time.UnixMicro(int64(body.Time)).UTC(), Salt: [16]byte(body.Salt),
		Actor: body.Actor, Source: body.Source, Object: body.Object,
		Serial: body.Serial, Issuer: IssuerID(body.Issuer), Reason: body.Reason,
		Count: body.Count, Detail: body.Detail, Digest: body.Digest,
	}, nil
}
