package slackfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// refusal is a Web API error.
type refusal struct {
	code     string
	messages []string
	extra    map[string]any
	blame    bool
	status   int // 0 is 200, as Slack has it
	headers  map[string]string
}

// refuse is an error that can happen to anybody.
func refuse(code string) *refusal { return &refusal{code: code} }

// fault of the caller: the error goes into Violations.
func faulty(code string, messages ...string) *refusal {
	return &refusal{code: code, messages: messages, blame: true}
}

// call is one request while it is handled.
type call struct {
	args
	method string
	token  *Token
	warn   string
}

type method struct {
	scopes []string // any of them; empty: none needed
	tier   int      // calls a minute; 0: no limit of its own
	app    bool     // needs the app token
	do     func(*Server, *call) (map[string]any, *refusal)
}

var (
	readAny    = []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	historyAny = []string{"channels:history", "groups:history", "im:history", "mpim:history"}
)

const (
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

// methods is filled in init, because its functions lead back to it.
var methods map[string]method

func init() {
	methods = map[string]method{
		"auth.test":                    {nil, 300, false, (*Server).authTest},
		"apps.connections.open":        {[]string{"connections:write"}, tier3, true, (*Server).connectionsOpen},
		"bots.info":                    {[]string{"users:read"}, tier3, false, (*Server).botsInfo},
		"chat.postMessage":             {[]string{"chat:write"}, 300, false, (*Server).chatPostMessage},
		"chat.update":                  {[]string{"chat:write"}, tier3, false, (*Server).chatUpdate},
		"chat.postEphemeral":           {[]string{"chat:write"}, tier4, false, (*Server).chatPostEphemeral},
		"chat.delete":                  {[]string{"chat:write"}, tier3, false, (*Server).chatDelete},
		"chat.getPermalink":            {nil, 300, false, (*Server).chatGetPermalink},
		"views.open":                   {nil, tier4, false, (*Server).viewsOpen},
		"views.update":                 {nil, tier4, false, (*Server).viewsUpdate},
		"views.push":                   {nil, tier4, false, (*Server).viewsPush},
		"views.publish":                {nil, tier4, false, (*Server).viewsPublish},
		"conversations.info":           {readAny, tier3, false, (*Server).conversationsInfo},
		"conversations.list":           {readAny, tier2, false, (*Server).conversationsList},
		"conversations.join":           {[]string{"channels:join"}, tier3, false, (*Server).conversationsJoin},
		"conversations.members":        {readAny, tier4, false, (*Server).conversationsMembers},
		"conversations.open":           {[]string{"im:write", "mpim:write"}, tier3, false, (*Server).conversationsOpen},
		"conversations.history":        {historyAny, tier3, false, (*Server).conversationsHistory},
		"conversations.replies":        {historyAny, tier3, false, (*Server).conversationsReplies},
		"users.info":                   {[]string{"users:read"}, tier4, false, (*Server).usersInfo},
		"usergroups.list":              {[]string{"usergroups:read"}, tier2, false, (*Server).usergroupsList},
		"usergroups.users.list":        {[]string{"usergroups:read"}, tier2, false, (*Server).usergroupsUsersList},
		"reactions.add":                {[]string{"reactions:write"}, tier3, false, (*Server).reactionsAdd},
		"pins.add":                     {[]string{"pins:write"}, tier2, false, (*Server).pinsAdd},
		"files.getUploadURLExternal":   {[]string{"files:write"}, tier4, false, (*Server).filesGetUploadURL},
		"files.completeUploadExternal": {[]string{"files:write"}, tier4, false, (*Server).filesCompleteUpload},
	}
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	a, formToken, err := readArgs(r)
	rec := s.begin(name, a)
	if err != nil {
		code := "invalid_form_data"
		if a.json {
			code = "invalid_json"
		}
		s.answer(w, rec, a, nil, faulty(code, err.Error()))
		return
	}
	f := s.takeFault(name, a.text("channel"))
	if f != nil {
		rec.fault(s, f.Kind)
	}
	if s.before(w, r, rec, f) {
		return
	}
	c := &call{args: a, method: name}
	s.mu.Lock()
	out, no := s.perform(c, r, formToken, f)
	s.mu.Unlock()
	rec.done(s, no == nil)
	if s.after(w, rec, f) {
		return
	}
	if c.token != nil {
		w.Header().Set("X-Oauth-Scopes", strings.Join(c.token.Scopes, ","))
		w.Header().Set("X-Accepted-Oauth-Scopes", strings.Join(methods[name].scopes, ","))
	}
	if no == nil && c.warn != "" {
		out["warning"] = c.warn
	}
	s.answer(w, rec, a, out, no)
}

// perform does a call. The lock is held.
func (s *Server) perform(c *call, r *http.Request, formToken string, f *Fault) (map[string]any, *refusal) {
	m, ok := methods[c.method]
	if !ok {
		return nil, faulty("unknown_method")
	}
	if f != nil && f.Kind == ErrorCode {
		return nil, refuse(f.Error)
	}
	if m.app && r.Method != http.MethodPost {
		return nil, faulty("insecure_request")
	}
	if no := s.admit(c, m, r, formToken); no != nil {
		return nil, no
	}
	if no := s.limit(c, m); no != nil {
		return nil, no
	}
	return m.do(s, c)
}

// admit checks the token and its scopes. The lock is held.
func (s *Server) admit(c *call, m method, r *http.Request, formToken string) *refusal {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = formToken
		if m.app && token != "" {
			return faulty("missing_args", "the app-level token goes into the Authorization header only")
		}
	}
	if token == "" {
		return refuse("not_authed")
	}
	t := s.tokens[token]
	switch {
	case t == nil:
		return refuse("invalid_auth")
	case t.State != "":
		return refuse(t.State)
	case strings.HasPrefix(token, "xapp-") != m.app:
		return refuse("not_allowed_token_type")
	}
	held := *t // SetToken may change it while the answer is written.
	c.token = &held
	return s.needs(c, m.scopes...)
}

// needs checks that the token has one of the scopes.
func (s *Server) needs(c *call, anyOf ...string) *refusal {
	if len(anyOf) == 0 || slices.ContainsFunc(anyOf, func(sc string) bool { return slices.Contains(c.token.Scopes, sc) }) {
		return nil
	}
	return &refusal{code: "missing_scope", extra: map[string]any{
		"needed": strings.Join(anyOf, ","), "provided": strings.Join(c.token.Scopes, ","),
	}}
}

// answer writes Slack's envelope around a result.
func (s *Server) answer(w http.ResponseWriter, rec *record, a args, out map[string]any, no *refusal) {
	body := map[string]any{"ok": no == nil}
	maps.Copy(body, out)
	meta, _ := body["response_metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
	}
	status := http.StatusOK
	if no != nil {
		body["error"] = no.code
		maps.Copy(body, no.extra)
		if len(no.messages) > 0 {
			body["errors"] = no.messages
			lines := make([]string, len(no.messages))
			for i, m := range no.messages {
				lines[i] = "[ERROR] " + m
			}
			meta["messages"] = lines
		}
		if no.status != 0 {
			status = no.status
		}
		for k, v := range no.headers {
			w.Header().Set(k, v)
		}
	}
	if a.json && !a.charset {
		if body["warning"] == nil {
			body["warning"] = "missing_charset"
		}
		meta["warnings"] = []string{"missing_charset"}
	}
	if len(meta) > 0 {
		body["response_metadata"] = meta
	}
	data, err := json.Marshal(body)
	rec.end(s, status, no)
	if err != nil {
		http.Error(w, fmt.Sprintf("slackfake: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Slack-Req-Id", rec.id)
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

// encode is JSON without HTML escapes, as Slack sends it.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		// Everything that comes here was decoded from JSON or built from plain maps.
		panic(fmt.Sprintf("slackfake: %v", err))
	}
	return bytes.TrimSpace(b.Bytes())
}

func (s *Server) authTest(*call) (map[string]any, *refusal) {
	return map[string]any{
		"url": "https://" + s.cfg.Team.Domain + ".slack.com/", "team": s.cfg.Team.Name, "user": s.cfg.App.Name,
		"team_id": s.cfg.Team.ID, "user_id": s.cfg.App.BotUser, "bot_id": s.cfg.App.BotID, "is_enterprise_install": false,
	}, nil
}
