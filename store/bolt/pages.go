package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"unsafe"

	"github.com/assay-pki/assay/store"
)

// This file reads the pages of a bbolt file without bbolt and without mapping
// it, so that whatever stands in them is an error and never a fault. It knows
// bbolt's format version 2: see internal/common of go.etcd.io/bbolt v1.5.0.

const (
	pageHeaderSize  = 16 // id 8, flags 2, count 2, overflow 4
	elementSize     = 16 // branch: pos 4, ksize 4, page 8; leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketValueSize = 16 // root 8, sequence 8
	metaSize        = 64

	branchFlag   = 0x01
	leafFlag     = 0x02
	freelistFlag = 0x10

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = ^uint64(0)
)

// metaPage is what a meta page says.
type metaPage struct {
	pageSize       uint32
	root, freelist uint64
	pages          uint64 // one past the highest page in use
	txid           uint64
}

// word is the byte order of the machine, as bbolt writes structs as they are.
func word() binary.ByteOrder { return binary.NativeEndian }

func parseMeta(b []byte) (m metaPage, ok bool) {
	if len(b) < metaSize || word().Uint32(b) != metaMagic || word().Uint32(b[4:]) != metaVersion {
		return m, false
	}
	h := fnv.New64a()
	_, _ = h.Write(b[:metaSize-8])
	m = metaPage{
		pageSize: word().Uint32(b[8:]),
		root:     word().Uint64(b[16:]),
		freelist: word().Uint64(b[32:]),
		pages:    word().Uint64(b[40:]),
		txid:     word().Uint64(b[48:]),
	}
	return m, word().Uint64(b[56:]) == h.Sum64() && m.pageSize == pageSize
}

// walker follows the pages of the newest meta page.
type walker struct {
	file io.ReaderAt
	meta metaPage
	// whole reads leaf pages too. Without it only branch pages are read, one
	// in a hundred, and the first leaf of each.
	whole bool
	seen  []uint64 // bit set: page is in a tree, or is a meta page or the free list
	free  []uint64 // bit set: page is in the free list
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), store.ErrCorrupt)
}

// checkPages checks the meta pages, the file's length, the free list and the
// trees. acceptOlder allows one damaged meta page.
func checkPages(file io.ReaderAt, size int64, acceptOlder, whole bool) error {
	meta, err := newestMeta(file, acceptOlder)
	if err != nil {
		return err
	}
	if meta.pages < 4 || meta.pages > uint64(size)/pageSize {
		return damaged("the file of %d octets is cut off: it had %d pages of %d", size, meta.pages, pageSize)
	}
	w := &walker{file: file, meta: meta, whole: whole, seen: bitmap(meta.pages), free: bitmap(meta.pages)}
	w.seen[0] |= 0b11
	if err := w.freelist(); err != nil {
		return err
	}
	if err := w.tree(meta.root, span{}, 0); err != nil {
		return err
	}
	if whole {
		return w.lost()
	}
	return nil
}

func newestMeta(file io.ReaderAt, acceptOlder bool) (metaPage, error) {
	var metas [2]metaPage
	var ok [2]bool
	for i := range metas {
		b := make([]byte, pageHeaderSize+metaSize)
		if _, err := file.ReadAt(b, int64(i*pageSize)); err != nil {
			return metaPage{}, damaged("meta page %d cannot be read (%v)", i, err)
		}
		metas[i], ok[i] = parseMeta(b[pageHeaderSize:])
	}
	switch {
	case !ok[0] && !ok[1]:
		return metaPage{}, damaged("both meta pages are damaged, or this is no store")
	case !(ok[0] && ok[1]) && !acceptOlder:
		return metaPage{}, damaged("one meta page is damaged: the last commit may be lost")
	case ok[0] && (!ok[1] || metas[0].txid > metas[1].txid):
		return metas[0], nil
	}
	return metas[1], nil
}

func bitmap(pages uint64) []uint64 { return make([]uint64, pages/64+1) }

// take marks a run of pages; a page of two owners is damage.
func (w *walker) take(set []uint64, id, count uint64) error {
	if id < 2 || count == 0 || id >= w.meta.pages || count > w.meta.pages-id {
		return damaged("page %d+%d is outside of the file", id, count)
	}
	for p := id; p < id+count; p++ {
		if set[p/64]>>(p%64)&1 == 1 {
			return damaged("page %d has two owners", p)
		}
		set[p/64] |= 1 << (p % 64)
	}
	return nil
}

func (w *walker) isFree(id uint64) bool { return w.free[id/64]>>(id%64)&1 == 1 }

// page reads a page with its overflow and marks it as used.
func (w *walker) page(id uint64, kinds uint16) (b []byte, kind uint16, err error) {
	if id < 2 || id >= w.meta.pages {
		return nil, 0, damaged("page %d is outside of the file", id)
	}
	header := make([]byte, pageHeaderSize)
	if _, err := w.file.ReadAt(header, int64(id)*pageSize); err != nil {
		return nil, 0, damaged("page %d cannot be read (%v)", id, err)
	}
	kind = word().Uint16(header[8:])
	if word().Uint64(header) != id || kind&kinds == 0 || kind&(kind-1) != 0 {
		return nil, 0, damaged("page %d says it is page %d of kind %#x", id, word().Uint64(header), kind)
	}
	count := uint64(word().Uint32(header[12:])) + 1
	if err := w.take(w.seen, id, count); err != nil {
		return nil, 0, err
	}
	b = make([]byte, count*pageSize)
	if _, err := w.file.ReadAt(b, int64(id)*pageSize); err != nil {
		return nil, 0, damaged("page %d cannot be read (%v)", id, err)
	}
	return b, kind, nil
}

func (w *walker) freelist() error {
	if w.meta.freelist == noFreelist {
		return damaged("the free list is not in the file")
	}
	b, _, err := w.page(w.meta.freelist, freelistFlag)
	if err != nil {
		return err
	}
	count, ids := uint64(word().Uint16(b[10:])), b[pageHeaderSize:]
	if count == 0xFFFF {
		count, ids = word().Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return damaged("the free list counts %d pages", count)
	}
	for i := range count {
		if err := w.take(w.free, word().Uint64(ids[i*8:]), 1); err != nil {
			return fmt.Errorf("free list: %w", err)
		}
	}
	return nil
}

// span is the range of keys that a page may hold: from is in it, before is not;
// nil bounds nothing.
type span struct{ from, before []byte }

func (s span) holds(k []byte) bool {
	return string(k) >= string(s.from) && (s.before == nil || string(k) < string(s.before))
}

// tree checks the tree below a page.
func (w *walker) tree(id uint64, keys span, depth int) error {
	if depth > maxDepth {
		return damaged("page %d is too deep", id)
	}
	b, kind, err := w.page(id, branchFlag|leafFlag)
	if err != nil {
		return err
	}
	if w.isFree(id) {
		return damaged("page %d is in use and in the free list", id)
	}
	if kind == leafFlag {
		return w.leaf(id, b, keys, depth)
	}
	return w.branch(id, b, keys, depth)
}

// element returns key and rest of an element; pos counts from the element.
func element(b []byte, at, pos, keySize, valueSize uint64) (k, v []byte, ok bool) {
	size := uint64(len(b))
	if pos > size || keySize > size || valueSize > size || at+pos+keySize+valueSize > size {
		return nil, nil, false
	}
	start := at + pos
	return b[start : start+keySize], b[start+keySize : start+keySize+valueSize], true
}

// children reads the elements of a branch page.
func (w *walker) children(id uint64, b []byte, keys span) (firsts [][]byte, ids []uint64, err error) {
	count := uint64(word().Uint16(b[10:]))
	if count == 0 || pageHeaderSize+count*elementSize > uint64(len(b)) {
		return nil, nil, damaged("branch page %d counts %d elements", id, count)
	}
	for i := range count {
		at := pageHeaderSize + i*elementSize
		k, _, ok := element(b, at, uint64(word().Uint32(b[at:])), uint64(word().Uint32(b[at+4:])), 0)
		if !ok || !keys.holds(k) || i > 0 && string(firsts[i-1]) >= string(k) {
			return nil, nil, damaged("branch page %d, element %d: key out of place", id, i)
		}
		firsts, ids = append(firsts, k), append(ids, word().Uint64(b[at+8:]))
	}
	return firsts, ids, nil
}

func (w *walker) branch(id uint64, b []byte, keys span, depth int) error {
	firsts, ids, err := w.children(id, b, keys)
	if err != nil {
		return err
	}
	leaves := false
	for i, child := range ids {
		if leaves {
			// All children of a page are of one depth: no need to read them.
			if err := w.take(w.seen, child, 1); err != nil {
				return err
			}
			if w.isFree(child) {
				return damaged("page %d is in use and in the free list", child)
			}
			continue
		}
		below := span{firsts[i], keys.before}
		if i+1 < len(firsts) {
			below.before = firsts[i+1]
		}
		if err := w.tree(child, below, depth+1); err != nil {
			return err
		}
		leaves = !w.whole && w.isLeaf(child)
	}
	return nil
}

func (w *walker) isLeaf(id uint64) bool {
	flags := make([]byte, 2)
	_, err := w.file.ReadAt(flags, int64(id)*pageSize+8)
	return err == nil && word().Uint16(flags) == leafFlag
}

// leaf checks the elements of a leaf page and the buckets in it.
func (w *walker) leaf(id uint64, b []byte, keys span, depth int) error {
	count := uint64(word().Uint16(b[10:]))
	if pageHeaderSize+count*elementSize > uint64(len(b)) {
		return damaged("leaf page %d counts %d elements", id, count)
	}
	var last []byte
	for i := range count {
		at := pageHeaderSize + i*elementSize
		k, v, ok := element(b, at, uint64(word().Uint32(b[at+4:])), uint64(word().Uint32(b[at+8:])), uint64(word().Uint32(b[at+12:])))
		if !ok || len(k) == 0 || !keys.holds(k) || i > 0 && string(last) >= string(k) {
			return damaged("leaf page %d, element %d: key out of place", id, i)
		}
		last = k
		switch word().Uint32(b[at:]) {
		case 0:
		case 1:
			if err := w.bucket(v, depth); err != nil {
				return fmt.Errorf("bucket %q: %w", k, err)
			}
		default:
			return damaged("leaf page %d, element %d: unknown flags", id, i)
		}
	}
	return nil
}

// bucket checks the tree of a bucket: its root page, or the page within v.
func (w *walker) bucket(v []byte, depth int) error {
	if len(v) < bucketValueSize {
		return damaged("value of %d octets", len(v))
	}
	if root := word().Uint64(v); root != 0 {
		return w.tree(root, span{}, depth+1)
	}
	inline := v[bucketValueSize:]
	if len(inline) < pageHeaderSize || word().Uint16(inline[8:]) != leafFlag {
		return damaged("page within the bucket of %d octets", len(inline))
	}
	return w.leaf(0, inline, span{}, depth+1)
}

// lost finds pages that are neither in use nor free.
func (w *walker) lost() error {
	for id := range w.meta.pages {
		used := w.seen[id/64]>>(id%64)&1 == 1
		if used == w.isFree(id) {
			return damaged("page %d: in use %t, free %t", id, used, !used)
		}
	}
	return nil
}

// The layout above is bbolt's only where its struct has no other padding.
var _ [metaSize]byte = [unsafe.Sizeof(struct {
	magic, version, pageSize, flags uint32
	root, sequence                  uint64
	freelist, pages, txid, checksum uint64
}{})]byte{}
