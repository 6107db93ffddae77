package access

// Cached counts the people that are remembered.
func Cached(a *Access) int {
	a.people.mu.Lock()
	defer a.people.mu.Unlock()
	return len(a.people.entries)
}
