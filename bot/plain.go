package bot

import "strings"

// unmark turns Slack's markup of what a person typed back into plain words: <@U012|ana> becomes U012, <#C1|ops> C1,
// <!subteam^S1|@team> S1, <!here> @here, an address what was typed for it, and &amp; &lt; &gt; the characters. It reads once from
// left to right, so what a person typed as characters is never taken for markup; a bracket that begins no markup stays.
func unmark(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		i := strings.IndexAny(s, "<&")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i:]
		word, size := unmarkOne(s)
		b.WriteString(word)
		s = s[size:]
	}
	b.WriteString(s)
	return b.String()
}

// unmarkOne reads what begins with < or &, and tells how many bytes it took.
func unmarkOne(s string) (word string, size int) {
	if s[0] == '&' {
		for entity, char := range entities {
			if strings.HasPrefix(s, entity) {
				return char, len(entity)
			}
		}
		return "&", 1
	}
	end := strings.IndexAny(s[1:], "<>\n") + 1
	if end == 0 || s[end] != '>' {
		return "<", 1
	}
	inner := s[1:end]
	word, ok := mentioned(inner)
	if !ok {
		return "<", 1
	}
	return word, end + 1
}

var entities = map[string]string{"&amp;": "&", "&lt;": "<", "&gt;": ">"}

// mentioned gives the plain words of what stands between < and >.
func mentioned(inner string) (string, bool) {
	target, label, _ := strings.Cut(inner, "|")
	if target == "" {
		return "", false
	}
	switch target[0] {
	case '@', '#':
		id := target[1:]
		return id, isID(id)
	case '!':
		if group, ok := strings.CutPrefix(target, "!subteam^"); ok {
			return group, isID(group)
		}
		if strings.HasPrefix(target, "!date^") {
			return unmarkText(label), label != ""
		}
		name := target[1:]
		if name == "here" || name == "channel" || name == "everyone" {
			return "@" + name, true
		}
		return "", false
	}
	scheme, rest, ok := strings.Cut(target, ":")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return "", false
	}
	// Slack links what looks like an address; then the label is what was typed. Any other label hides the address.
	rest = strings.TrimPrefix(rest, "//")
	if label != "" && (rest == label || strings.TrimSuffix(rest, "/") == label) {
		return unmarkText(label), true
	}
	return unmarkText(target), true
}

func isID(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// unmarkText decodes the three entities, once.
func unmarkText(s string) string { return unescaper.Replace(s) }

var unescaper = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// afterMention gives what was typed after the mention of that user, or all of it when there is none. Without a user, a mention
// at the very beginning counts.
func afterMention(text, user string) string {
	begin := "<@" + user
	i := strings.Index(text, begin)
	if i < 0 || user == "" && i > 0 {
		return text
	}
	rest := text[i+len(begin):]
	end := strings.IndexByte(rest, '>')
	if end < 0 || user != "" && end > 0 && rest[0] != '|' {
		return text
	}
	return rest[end+1:]
}
