// Package incidents is the domain: alerts, incidents, levels, clocks and the timeline of what happened.
//
// An incident decides by itself: Apply takes an event and the time and gives back the new state, what the timeline keeps and
// what people must be told. It reads no clock, no store and no network. Service brings events and a Store together, and fires
// the clocks that ran out. The file states.md shows the states and tells the rules.
//
// The promise it keeps: state, timeline and notices are committed together or not at all, so that nothing which was accepted
// is lost and nothing is said twice.
package incidents
