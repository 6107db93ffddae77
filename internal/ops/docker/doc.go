// Package docker operates one compose application on one Docker engine. The compose file says what there should be, the engine
// says what there is, and the installed compose command alone creates containers, since one that is created in another way drifts
// from what compose expects.
//
// What belongs to the application is told by compose's labels, never by a name, and each call looks at the label first: a
// container of somebody else is refused. Every call ends: with its context, or at a deadline of its own. Environments, which hold
// passwords, are never part of a result or an error. What a container wrote may hold some too: it is given in fields of its own,
// and who shows them redacts them.
package docker
