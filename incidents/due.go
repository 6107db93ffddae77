package incidents

import "time"

// NextDue is when the clocks must look at this incident again; zero when nothing is due any more. Stores index it.
func (in *Incident) NextDue() time.Time {
	return in.HoldUntil
}
