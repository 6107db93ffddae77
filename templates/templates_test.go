package templates

import "testing"

func TestEveryWordIsThereInBothLocales(t *testing.T) {
	t.Parallel()
	for _, l := range locales {
		if _, err := New(l, nil, Options{}); err != nil {
			t.Fatal(err)
		}
	}
}
