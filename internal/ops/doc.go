// Package ops carries out on the application what people asked for and approved: restart, deploy, back up, restore.
//
// An operation is a frozen plan: what is done on which services and images, which backup comes first, what is checked
// afterwards, how each step is undone, and until when each may take. It is stored before it is shown. People approve the hash of
// exactly that plan. The target is looked at again at every approval and at the start: when its services, images, commit or
// compose file changed, the plan is void and is asked anew. A Runner claims what is approved, under a lease with a growing
// fencing number and one lock per project, and commits a checkpoint before and after each step. When a step fails it undoes what
// was done, in the reverse order. A step that was running when a Runner died is unknown: the next one looks at the world
// and then goes on, undoes, or hands the operation back to people.
//
// Operation decides by itself: Apply takes an event and the time and gives back the new state, what the timeline keeps and what
// people are told; Next tells what is to be done. Both are pure. Service brings people's decisions to operations, in the
// transaction of its caller. Runner does the work.
//
// The promise it keeps: nothing runs without the approvals that its policy asks for, bound to the plan that runs; nothing is
// repeated unless a look at the world said that it was not done; nothing half-done is called done; every end is told.
package ops
