package store

import "context"

var (
	readSetting = both(`SELECT value FROM settings WHERE name = $1`)
	addSetting  = both(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`)
	keepSetting = both(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`)
)

// Setting gives a value that the bot keeps for itself; false when there is none.
func (s *Store) Setting(ctx context.Context, name string) (value string, ok bool, err error) {
	err = s.db.read(ctx, readSetting, func(scan scanner) error {
		ok = true
		return scan(&value)
	}, clean(name))
	return value, ok, s.explain(err)
}

// SetDefault keeps a value unless there is one, and gives the value in force: of two replicas that make a secret at once, both
// use the one that came first.
func (s *Store) SetDefault(ctx context.Context, name, value string) (string, error) {
	var now string
	err := s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
		n, err := b.ses.exec(ctx, addSetting, clean(name), clean(value))
		if err != nil {
			return err
		}
		b.wrote = b.wrote || n > 0
		return b.ses.rows(ctx, readSetting, func(scan scanner) error { return scan(&now) }, clean(name))
	}})
	return now, err
}

// KeepSetting keeps a value in place of the one there was.
func (s *Store) KeepSetting(ctx context.Context, name, value string) error {
	return s.submit(&item{ctx: ctx, after: func(ctx context.Context, b *batch) error {
		n, err := b.ses.exec(ctx, keepSetting, clean(name), clean(value))
		b.wrote = b.wrote || n > 0
		return err
	}})
}
