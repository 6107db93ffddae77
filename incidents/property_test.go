package incidents_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var (
	worlds = flag.Int("incidents.worlds", 80, "how many random worlds TestNothingIsLostAndNothingIsSaidTwice lives through")
	seed   = flag.Uint64("incidents.seed", 0, "the one world to live through again; 0: others each time")
)

type seeded struct{ *rand.Rand }

func (d seeded) roll(sides int) int { return d.IntN(sides) }
func (seeded) over() bool           { return false }

// TestNothingIsLostAndNothingIsSaidTwice lives through random worlds. A failure names its seed; give it to -incidents.seed.
func TestNothingIsLostAndNothingIsSaidTwice(t *testing.T) {
	t.Parallel()
	n, first := *worlds, rand.Uint64()
	if testing.Short() {
		n = min(n, 50)
	}
	if *seed != 0 {
		n, first = 1, *seed
	}
	for i := range uint64(n) {
		s := first + i
		t.Run(fmt.Sprintf("seed %d", s), func(t *testing.T) {
			newWorld(t, seeded{rand.New(rand.NewPCG(s, 0))}).live(120)
		})
	}
}

// tape is the fuzzer's dice.
type tape []byte

func (d *tape) over() bool { return len(*d) == 0 }

func (d *tape) roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	b := (*d)[0]
	*d = (*d)[1:]
	return int(b) % sides
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte{})
	for s := range uint64(8) {
		r := rand.New(rand.NewPCG(s, 1))
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(r.UintN(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := tape(b)
		newWorld(t, &d).live(400)
	})
}
