//go:build !linux

package docker

import (
	"errors"
	"os"
)

type pipe struct {
	name string
	r, w *os.File
}

func (*Engine) openPipe(string) (*pipe, error) {
	return nil, errors.New("only Linux shows the folders of containers")
}

func (*pipe) unread() int { return 0 }

func (*pipe) close() {}
