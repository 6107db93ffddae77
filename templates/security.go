package templates

// securityNames and securityCodes have words, as those of health do, with whom a security audit shares its form.
var (
	securityNames = []string{
		"processes", "ports", "published", "logins", "failed_logins", "files", "confinement", "sshd", "firewall", "fail2ban", "updates", "lynis", "trivy",
	}
	securityCodes = []string{
		"contained", "absent", "forbidden", "not_root", "more",
		"processes.fine", "processes.hidden", "processes.open", "processes.deleted", "processes.replaced", "processes.memory", "processes.shell",
		"ports.first", "ports.before", "ports.new", "ports.gone", "ports.unnamed", "ports.unkept", "ports.forgot",
		"published.none", "published.web", "published.one", "published.open",
		"logins.count", "logins.one", "logins.root", "logins.guessed", "logins.damaged", "logins.absent",
		"failed_logins.count", "failed_logins.least", "failed_logins.source", "failed_logins.absent",
		"files.fine", "files.keys", "files.readable", "files.writable", "files.folder", "files.owner", "files.socket", "files.socket_open", "files.absent",
		"confinement.fine", "confinement.none", "confinement.privileged", "confinement.socket", "confinement.host_pid", "confinement.host_network",
		"confinement.unlimited", "confinement.root", "confinement.latest",
		"sshd.fine", "sshd.root", "sshd.password", "sshd.keys", "sshd.tries", "sshd.idle",
		"firewall.on", "firewall.off", "firewall.open",
		"fail2ban.on", "fail2ban.down", "fail2ban.no_jail", "fail2ban.bantime", "fail2ban.maxretry", "fail2ban.unsaid",
		"updates.none", "updates.others", "updates.security", "updates.stale", "updates.no_lists",
		"scan.running", "scan.at", "scan.no_bot", "lynis.index", "lynis.warning", "lynis.unfinished", "trivy.none", "trivy.holes", "trivy.failed",
	}
)

// Security is the answer to `audit`: what is wrong first, in the form of `health`.
func (t *Templates) Security(v HealthView) Message { return t.looked("security", v, nil) }

// securityWords lists the names that are put together from codes.
func securityWords() []string {
	var names []string
	for _, n := range securityNames {
		names = append(names, "health.name."+n)
	}
	for _, c := range securityCodes {
		names = append(names, "health.why."+c)
	}
	return append(names, "security.headline", "security.note", "security.process")
}
