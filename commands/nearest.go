package commands

import "strings"

// nearest gives the candidate that is most likely meant, or nothing when none is near: an edit for each three letters is
// allowed, and two neighbours that were swapped count as one edit.
func nearest(word string, candidates []string) string {
	w := []rune(word)
	if len(w) == 0 || len(w) > 40 {
		return ""
	}
	best, at := "", max(1, len(w)/3)+1
	for _, c := range candidates {
		if d := distance(w, []rune(c)); d < at {
			best, at = c, d
		}
	}
	return best
}

// distance counts the edits between two words: letters put in, left out, exchanged, and neighbours swapped.
func distance(a, b []rune) int {
	var before []int // two rows up
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// begun gives the only candidate that begins with the word, or nothing: "index" is "indexes", which is too far for nearest.
func begun(word string, candidates []string) string {
	found := ""
	for _, c := range candidates {
		if len(word) > 2 && strings.HasPrefix(c, word) {
			if found != "" {
				return ""
			}
			found = c
		}
	}
	return found
}
