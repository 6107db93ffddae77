// Package deploy brings another version of the application up: "deploy VERSION" and "rollback".
//
// A version is a git tag of the checkout in the application's folder. It concerns the services that are built from the checkout, and
// those whose image has a variable in its reference whose present value is a version of the checkout; such a variable is pinned in
// the file .env. The database and Redis are never touched, whatever the file says of them, and neither is any other service.
//
// What has a healthcheck, no fixed name and no port of the host is exchanged without a gap: the new container is started beside the
// old one, must stay healthy, is made known to nginx, and only then is the old one stopped. It is kept, stopped, until the new version
// was watched, so that the way back is short. What cannot be exchanged in this way is recreated in a window that the plan announces.
//
// The promise it keeps: what runs is the commit and the image that the plan was approved for; whatever fails before the end, or is
// found half-done after a crash, ends with the files, the image names and the containers as they were. A database is never taken
// back by itself.
package deploy
