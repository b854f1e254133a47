package lead

import (
	"context"
	"slices"
	"strings"
	"time"

	"kontor.internal/libs/apperr"
	"kontor.internal/libs/id"
	"kontor.internal/services/contacts/internal/record"
)

// Failures of statuses and settings.
var (
	ErrStatusNotFound   = apperr.NotFound("LEAD_STATUS_NOT_FOUND", "lead status not found")
	ErrStatusRetired    = apperr.NotAllowedNow("LEAD_STATUS_RETIRED", "the status is out of use; choose another")
	ErrStatusNotFree    = apperr.NotAllowedNow("LEAD_STATUS_NOT_FREE", "this status is not for choosing; convert the lead instead")
	ErrStatusStale      = apperr.Conflict("LEAD_STATUS_ETAG_MISMATCH", "the status was changed by someone else; read it again")
	ErrStatusNameTaken  = apperr.AlreadyExists("LEAD_STATUS_NAME_TAKEN", "another status has this name")
	ErrStatusTooMany    = apperr.NotAllowedNow("LEAD_STATUS_TOO_MANY", "there are a hundred statuses already; retire and reuse one")
	ErrStatusLastOfKind = apperr.NotAllowedNow("LEAD_STATUS_LAST_OF_KIND", "one status of each kind has to stay in use")
	ErrStatusOrder      = apperr.Invalid("LEAD_STATUS_ORDER_INVALID", "name every status exactly once")
	ErrSettingsStale    = apperr.Conflict("LEAD_SETTINGS_ETAG_MISMATCH", "the settings were changed by someone else; read them again")
)

// StatusKind is what a status means, whatever it is called.
type StatusKind int

// The kinds of statuses.
const (
	KindNew StatusKind = iota + 1
	KindOpen
	KindConverted
	KindJunk
)

// Status is a step in the handling of leads.
type Status struct {
	ID        string
	Version   int64
	Name      string
	Kind      StatusKind
	Color     string
	Retired   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Config is how an organisation handles leads: the statuses in their order, and the time within which a lead has to be
// touched. It is one aggregate: a change of it locks and versions the whole.
type Config struct {
	Version        int64
	Statuses       []Status
	UntouchedLimit time.Duration
	// Auto is what is made of a lead that is taken into work (CON-5).
	Auto AutoConversion
}

// DefaultUntouchedLimit is how long a lead may stay untouched unless the organisation says otherwise.
const DefaultUntouchedLimit = 4 * time.Hour

const maxStatuses = 100

// DefaultConfig is what a new organisation starts with.
func DefaultConfig(now time.Time) Config {
	cfg := Config{Version: 1, UntouchedLimit: DefaultUntouchedLimit}
	for _, s := range []struct {
		name  string
		kind  StatusKind
		color string
	}{
		{"New", KindNew, "#228be6"},
		{"Processing", KindOpen, "#fab005"},
		{"Waiting", KindOpen, "#7950f2"},
		{"Converted", KindConverted, "#40c057"},
		{"Junk", KindJunk, "#868e96"},
	} {
		cfg.Statuses = append(cfg.Statuses, Status{
			ID: id.New(), Version: 1, Name: s.name, Kind: s.kind, Color: s.color, CreatedAt: now, UpdatedAt: now,
		})
	}
	return cfg
}

// ConfigStore keeps the configuration of each organisation.
type ConfigStore interface {
	// Config returns the organisation's configuration; the default one is made on first use.
	Config(ctx context.Context, org string) (Config, error)

	// UpdateConfig loads the configuration locked, lets fn change it and saves it with an event. about is the status
	// that the request was about, for the answer to its repetition; "" for all or for the settings. A repeated request
	// is answered with the configuration as it was then.
	UpdateConfig(ctx context.Context, org string, fn func(*Config) (about string, err error)) (cfg Config, aboutID string, err error)
}

// Find returns the status of that ID.
func (c *Config) Find(statusID string) (*Status, error) {
	for i := range c.Statuses {
		if c.Statuses[i].ID == statusID {
			return &c.Statuses[i], nil
		}
	}
	return nil, ErrStatusNotFound
}

// first returns the first status of a kind that is in use; there is always one.
func (c *Config) first(kind StatusKind) (*Status, error) {
	for i := range c.Statuses {
		if s := &c.Statuses[i]; s.Kind == kind && !s.Retired {
			return s, nil
		}
	}
	return nil, ErrStatusNotFound
}

// initial returns the status a new lead starts in.
func (c *Config) initial(statusID string) (*Status, error) {
	if statusID == "" {
		return c.first(KindNew)
	}
	s, err := c.choosable(statusID)
	if err == nil && s.Kind == KindJunk {
		return nil, ErrStatusNotFree.Saying("a new lead starts in a status of kind NEW or OPEN")
	}
	return s, err
}

// choosable returns a status that a lead can be put into by hand.
func (c *Config) choosable(statusID string) (*Status, error) {
	s, err := c.Find(statusID)
	switch {
	case err != nil:
		return nil, err
	case s.Retired:
		return nil, ErrStatusRetired
	case s.Kind == KindConverted:
		return nil, ErrStatusNotFree
	}
	return s, nil
}

// Place puts an imported lead into the status of that name, whatever its kind: a file may hold leads that were dealt with
// long ago. A new lead without a status starts as any other; one that is there stays in its own.
func (c *Config) Place(l *Lead, name string, now time.Time, made bool) error {
	if name == "" && !made {
		return nil
	}
	st, err := c.first(KindNew)
	if name != "" {
		st, err = c.named(name)
	}
	if err != nil {
		return err
	}
	if l.Conversion != nil && st.ID != l.StatusID {
		return ErrConverted
	}
	l.StatusID = st.ID
	if made {
		l.OverdueAt = now.Add(c.UntouchedLimit)
	}
	if st.Kind != KindNew {
		l.touch(now)
	}
	return nil
}

func (c *Config) named(name string) (*Status, error) {
	key := record.Key(name)
	for i := range c.Statuses {
		if record.Key(c.Statuses[i].Name) == key {
			return &c.Statuses[i], nil
		}
	}
	return nil, ErrStatusNotFound.WithField("status", "there is no status of this name")
}

// Move puts a lead into another status. reason is why it is junk, if it is. A lead that is taken into work is converted, if
// the organisation wants so (CON-5).
func (s *Leads) Move(
	ctx context.Context, who record.Caller, r Rights, leadID string, version int64, statusID, reason string,
) (*Lead, error) {
	cfg, err := s.Config.Config(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	if t, err := s.autoTargets(ctx, who, r, &cfg, leadID, statusID); err != nil || t != (Targets{}) {
		if err != nil {
			return nil, err
		}
		return s.Convert(ctx, who, r, leadID, version, t)
	}
	check, err := s.Checker(ctx, who.OrganizationID)
	if err != nil {
		return nil, err
	}
	return s.Shown(ctx, who.OrganizationID)(s.Store.Update(ctx, who.OrganizationID, leadID, func(cur *Lead) (*record.Change[Lead], error) {
		if err := s.Admit(who, &cur.Meta, version); err != nil {
			return nil, err
		}
		if cur.Conversion != nil {
			return nil, ErrConverted
		}
		st, err := cfg.choosable(strings.ToLower(statusID))
		if err != nil {
			return nil, err
		}
		if st.ID == cur.StatusID {
			return nil, nil // there already
		}
		next := *cur
		next.StatusID, next.UpdatedAt, next.JunkReason = st.ID, s.Clock.Now(), ""
		if st.Kind == KindJunk {
			var f record.Faults
			f.Line("reason", &reason)
			if err := f.Err(); err != nil {
				return nil, err
			}
			next.JunkReason = reason
		}
		next.touch(next.UpdatedAt)
		if err := check.Do(cur, &next, false); err != nil {
			return nil, err
		}
		return &record.Change[Lead]{What: Moved, Before: cur, After: &next}, nil
	}))
}

// The changes that only leads know.
const (
	Moved record.What = iota + 100
	Converted
	DealSettled
	BecameOverdue
	HandedOver
)

// CreateStatus adds a status, last in the order.
func (s *Leads) CreateStatus(ctx context.Context, org string, st Status) (Placed, error) {
	return s.changeStatus(ctx, org, func(cfg *Config) (string, error) {
		if len(cfg.Statuses) >= maxStatuses {
			return "", ErrStatusTooMany
		}
		now := s.Clock.Now()
		n := Status{ID: id.New(), Version: 1, Name: st.Name, Kind: st.Kind, Color: st.Color, Retired: st.Retired, CreatedAt: now, UpdatedAt: now}
		if n.Kind < KindNew || n.Kind > KindJunk {
			var f record.Faults
			f.Add("kind", "say what the status means")
			return "", f.Err()
		}
		cfg.Statuses = append(cfg.Statuses, n)
		return n.ID, cfg.checkNames()
	})
}

// UpdateStatus changes a status; its ID and kind stay. version is the one the caller has seen, 0 for any.
func (s *Leads) UpdateStatus(ctx context.Context, org, statusID string, version int64, change func(Status) Status) (Placed, error) {
	return s.changeStatus(ctx, org, func(cfg *Config) (string, error) {
		st, err := cfg.Find(strings.ToLower(statusID))
		if err != nil {
			return "", err
		}
		if version != 0 && version != st.Version {
			return "", ErrStatusStale
		}
		next := change(*st)
		st.Name, st.Color, st.Retired = next.Name, next.Color, next.Retired
		st.Version++
		st.UpdatedAt = s.Clock.Now()
		if _, err := cfg.first(st.Kind); err != nil {
			return "", ErrStatusLastOfKind
		}
		return st.ID, cfg.checkNames()
	})
}

// Placed is a status with its place in the order.
type Placed struct {
	Status

	Position int
}

func (s *Leads) changeStatus(ctx context.Context, org string, fn func(*Config) (string, error)) (Placed, error) {
	cfg, about, err := s.Config.UpdateConfig(ctx, org, fn)
	if err != nil {
		return Placed{}, err
	}
	i := slices.IndexFunc(cfg.Statuses, func(st Status) bool { return st.ID == about })
	if i < 0 {
		return Placed{}, ErrStatusNotFound
	}
	return Placed{cfg.Statuses[i], i}, nil
}

// ReorderStatuses puts the statuses into a new order.
func (s *Leads) ReorderStatuses(ctx context.Context, org string, ids []string) (Config, error) {
	cfg, _, err := s.Config.UpdateConfig(ctx, org, func(cfg *Config) (string, error) {
		if len(ids) != len(cfg.Statuses) {
			return "", ErrStatusOrder
		}
		ordered := make([]Status, 0, len(ids))
		for i, statusID := range ids {
			st, err := cfg.Find(strings.ToLower(statusID))
			if err != nil || slices.Contains(ids[:i], statusID) {
				return "", ErrStatusOrder
			}
			ordered = append(ordered, *st)
		}
		cfg.Statuses = ordered
		return "", nil
	})
	return cfg, err
}

// SetSettings changes what of the configuration is not statuses. A new limit is for leads that are waiting, too.
func (s *Leads) SetSettings(ctx context.Context, org string, version int64, change func(*Config)) (Config, error) {
	cfg, _, err := s.Config.UpdateConfig(ctx, org, func(cfg *Config) (string, error) {
		if version != 0 && version != cfg.Version {
			return "", ErrSettingsStale
		}
		change(cfg)
		if cfg.UntouchedLimit < time.Minute {
			var f record.Faults
			f.Add("untouched_limit", "is shorter than a minute")
			return "", f.Err()
		}
		cfg.UntouchedLimit = cfg.UntouchedLimit.Truncate(time.Second)
		cfg.Auto.PipelineID = strings.ToLower(cfg.Auto.PipelineID)
		return "", nil
	})
	return cfg, err
}

// checkNames makes sure that every status has a name of its own.
func (c *Config) checkNames() error {
	var f record.Faults
	seen := make(map[string]bool, len(c.Statuses))
	for i := range c.Statuses {
		st := &c.Statuses[i]
		f.Line("name", &st.Name)
		if st.Name == "" {
			f.Add("name", "a status needs a name")
		}
		key := record.Key(st.Name)
		if seen[key] {
			return ErrStatusNameTaken
		}
		seen[key] = true
	}
	return f.Err()
}
