package incidents

// Webhook is what one POST of an Alertmanager told of one group.
type Webhook struct {
	Group       Group
	Title       string // plain words for the group, from its annotations or labels
	Channel     string // where the card goes
	ExternalURL string
	Alerts      []Alert
	Truncated   int // alerts of the group that are not in Alerts
}
