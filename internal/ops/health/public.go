package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// The days that a certificate must still hold: with fewer than the first two it is a warning, with fewer than the last a failure.
const (
	certSoon   = 30
	certSooner = 14
	certNow    = 3
)

// lookURL asks the public address as a user's browser would.
func lookURL(ctx context.Context, s *scene) []Check {
	k := check{name: "url"}
	if s.URL == "" {
		return []Check{k.unchecked("off", Facts{Word: "target.health_url"})}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		return []Check{k.unchecked("unseen", Facts{Text: s.text(err.Error(), shortText)})}
	}
	req.Header.Set("User-Agent", "notebookbot")
	// A connection of its own: one that is kept would tell nothing of names, routes and certificates.
	tr := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	begin := time.Now()
	res, err := (&http.Client{Transport: tr}).Do(req)
	f := Facts{Word: hostOf(s.URL), Took: time.Since(begin)}
	switch {
	case err != nil && ctx.Err() != nil:
		return []Check{k.one(Failed, "url.slow", Facts{Word: f.Word, Took: s.Within})}
	case err != nil:
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the address is named already
		}
		f.Text = s.text(err.Error(), shortText)
		return []Check{k.one(Failed, "url.down", f)}
	}
	defer res.Body.Close()                                        //nolint:errcheck // Only read.
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20)) // the time is that of the whole answer
	f.Took, f.Count = time.Since(begin), res.StatusCode
	switch {
	case err != nil:
		f.Text = s.text(err.Error(), shortText)
		return []Check{k.one(Failed, "url.down", f)}
	case res.StatusCode >= http.StatusBadRequest:
		return []Check{k.one(Failed, "url.status", f)}
	}
	return []Check{k.one(OK, "url.up", f)}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// lookCertificate looks at what is served, also where it is not to be trusted any more: that is when people need to know why.
func lookCertificate(ctx context.Context, s *scene) []Check {
	k := check{name: "certificate"}
	u, err := url.Parse(s.URL)
	switch {
	case s.URL == "" || err != nil:
		return []Check{k.unchecked("off", Facts{Word: "target.health_url"})}
	case u.Scheme != "https":
		return []Check{k.unchecked("certificate.none", Facts{Word: u.Host})}
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	d := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: true}} //nolint:gosec // Verified below; nothing is sent.
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	switch {
	case err != nil && ctx.Err() != nil:
		return []Check{k.unchecked("slow", Facts{Took: s.Within})}
	case err != nil:
		return []Check{k.unchecked("unseen", Facts{Text: s.text(err.Error(), shortText)})}
	}
	defer conn.Close() //nolint:errcheck // Nothing was sent.
	tlsConn, ok := conn.(*tls.Conn)
	if !ok || len(tlsConn.ConnectionState().PeerCertificates) == 0 {
		return []Check{k.unchecked("certificate.none", Facts{Word: u.Host})}
	}
	return []Check{k.certificate(s, u.Hostname(), tlsConn.ConnectionState().PeerCertificates)}
}

func (k check) certificate(s *scene, name string, chain []*x509.Certificate) Check {
	now := s.Now()
	ends := chain[0].NotAfter
	days := int(ends.Sub(now) / (24 * time.Hour))
	f := Facts{Count: days, At: ends, Word: name}
	if now.After(ends) {
		return k.one(Failed, "certificate.over", f)
	}
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: others, CurrentTime: now})
	if err != nil {
		f.Text = s.text(err.Error(), shortText)
		return k.one(Failed, "certificate.bad", f)
	}
	f.Limit = certSoon
	if days < certSooner {
		f.Limit = certSooner
	}
	return k.one(certified(ends.Sub(now)), "certificate.days", f)
}

// certified is how a certificate is with so much time left.
func certified(left time.Duration) State {
	switch days := left / (24 * time.Hour); {
	case days < certNow:
		return Failed
	case days < certSoon:
		return Warning
	}
	return OK
}
