package main

import "context"

func (c *checkup) slack(context.Context) {
	c.unchecked("slack", words{"还没有实现", "not there yet"})
}
