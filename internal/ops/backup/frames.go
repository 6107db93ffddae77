package backup

import (
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// frameSize is how many bytes of a part are compressed by themselves: many enough that nothing is lost at the seams (frames of 1 and of 4 MiB
// gave the same size of a text dump), few enough that memory stays small.
const frameSize = 1 << 20

// maxFrames bounds how many frames are compressed at a time, and with it the memory: about three times frameSize each.
const maxFrames = 8

// frames compresses what is written to it into zstd frames that follow each other, which every zstd program reads as one stream. Frames know
// nothing of each other, so that all processors work: a stream of one frame takes one processor, and was most of the time of a dump.
type frames struct {
	enc    *zstd.Encoder
	buf    []byte
	begun  bool
	free   chan []byte       // buffers to fill
	spare  sync.Pool         // of *[]byte, that frames were written from
	queue  chan chan *[]byte // compressed frames in their order
	done   chan struct{}     // the writer has ended
	mu     sync.Mutex
	err    error // of the writer
	closed bool
}

var errFramesClosed = errors.New("it was closed before")

// newFrames begins the compression of one stream into w, which only one goroutine writes to.
func newFrames(w io.Writer) (*frames, error) {
	n := min(runtime.GOMAXPROCS(0), maxFrames)
	// The fastest level takes half the time of the default one, and its files are still a seventh smaller than those of pg_dump's own gzip.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(n), zstd.WithWindowSize(frameSize), zstd.WithZeroFrames(true))
	if err != nil {
		return nil, err
	}
	f := &frames{enc: enc, free: make(chan []byte, n+1), queue: make(chan chan *[]byte, n), done: make(chan struct{})}
	for range n + 1 {
		f.free <- nil // made when it is needed: small parts take one
	}
	f.buf = f.take()
	go f.write(w)
	return f, nil
}

func (f *frames) take() []byte {
	b := <-f.free
	if b == nil {
		b = make([]byte, 0, frameSize)
	}
	return b[:0]
}

// Write takes bytes; an error is one of the writer beneath, of these or of earlier ones.
func (f *frames) Write(p []byte) (int, error) {
	if f.closed {
		return 0, errFramesClosed
	}
	n := 0
	for len(p) > 0 {
		if err := f.failed(); err != nil {
			return n, err
		}
		k := min(frameSize-len(f.buf), len(p))
		f.buf = append(f.buf, p[:k]...)
		p, n = p[k:], n+k
		if len(f.buf) == frameSize {
			f.send()
		}
	}
	return n, nil
}

// send has the buffer compressed, and takes another.
func (f *frames) send() {
	full, out := f.buf, make(chan *[]byte, 1)
	f.begun = true
	f.queue <- out
	go func() {
		out <- f.compress(full)
		f.free <- full
	}()
	f.buf = f.take()
}

func (f *frames) compress(b []byte) *[]byte {
	to, _ := f.spare.Get().(*[]byte)
	if to == nil {
		to = new([]byte)
	}
	*to = f.enc.EncodeAll(b, (*to)[:0])
	return to
}

// write writes frames in their order, and goes on taking them after an error so that nobody waits.
func (f *frames) write(w io.Writer) {
	defer close(f.done)
	for out := range f.queue {
		b := <-out
		if f.failed() != nil {
			continue
		}
		if _, err := w.Write(*b); err != nil {
			f.mu.Lock()
			f.err = err
			f.mu.Unlock()
		}
		f.spare.Put(b)
	}
}

func (f *frames) failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Close writes what is left and waits until all was handed to the writer beneath, which it does not close. A stream of nothing is one
// empty frame.
func (f *frames) Close() error {
	if f.closed {
		return f.failed()
	}
	f.closed = true
	if len(f.buf) > 0 || !f.begun {
		out := make(chan *[]byte, 1)
		f.queue <- out
		out <- f.compress(f.buf)
	}
	close(f.queue)
	<-f.done
	return errors.Join(f.failed(), f.enc.Close())
}
