package alertmanager

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// gate is where one Alertmanager comes in. It keeps the hash of its token alone, so that the token can never be printed.
type gate struct {
	name  string
	token *[sha256.Size]byte // nil: none
}

func newGates(sources []Source) ([]gate, error) {
	if len(sources) == 0 {
		return nil, errors.New("alertmanager: none is configured")
	}
	seen := map[string]bool{}
	var out []gate
	for i, s := range sources {
		switch {
		case seen[s.Name]:
			return nil, fmt.Errorf("alertmanager[%d].name: %q is there twice", i, s.Name)
		case s.Name == "" && len(sources) > 1:
			return nil, fmt.Errorf("alertmanager[%d].name: needed where there are several", i)
		case strings.Contains(s.Name, "/"):
			return nil, fmt.Errorf("alertmanager[%d].name: %q holds a slash, and it is part of a path", i, s.Name)
		}
		seen[s.Name] = true
		g := gate{name: s.Name}
		if s.Token != "" {
			sum := sha256.Sum256([]byte(s.Token))
			g.token = &sum
		}
		out = append(out, g)
	}
	return out, nil
}

// gate finds an Alertmanager by the name in the path. The only one may leave its name out. Without a gate the text says why.
func (h *Handler) gate(name string) (*gate, string) {
	if name == "" {
		if len(h.gates) == 1 {
			return &h.gates[0], ""
		}
		return nil, "several Alertmanagers are configured; post to " + Path + "/NAME"
	}
	for i := range h.gates {
		if h.gates[i].name == name {
			return &h.gates[i], ""
		}
	}
	return nil, "no Alertmanager is configured by the name " + quote(name)
}

// marks of a request that went through a proxy or came out of a browser: its loopback address does not say who sent it.
var marks = []string{
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip", "Via", "Origin", "Sec-Fetch-Site",
}

// refuse says why a request may not come in; empty: it may.
func (g *gate) refuse(r *http.Request) string {
	if g.token == nil {
		return refuseRemote(r)
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "a Bearer token is missing; set http_config.authorization in Alertmanager's webhook_configs"
	}
	sum := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(sum[:], g.token[:]) != 1 {
		return "the Bearer token is wrong"
	}
	return ""
}

// refuseRemote lets in what this machine itself sends.
func refuseRemote(r *http.Request) string {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().IsLoopback() {
		return "no token is configured, so only this machine itself may send; set alertmanager.token"
	}
	for _, m := range marks {
		if len(r.Header.Values(m)) > 0 {
			return "no token is configured, and the request was forwarded (" + m + "); set alertmanager.token"
		}
	}
	return ""
}

// peer is the address of the sender, without the port, which changes with each connection.
func peer(r *http.Request) string {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return addr.Addr().Unmap().String()
}
