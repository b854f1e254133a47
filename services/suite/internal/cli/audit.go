package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	identity "kontor.internal/services/identity/app"
	"kontor.internal/services/suite/internal/suite"
)

// ErrAuditUnsound says that an audit log is not what was written.
var ErrAuditUnsound = errors.New("the audit log is not what was written")

type auditVerifyConfig struct {
	operatorConfig

	Organization string `flag:"organization" help:"only this organisation's log, by its ID; all if empty"`
	Anchor       string `flag:"anchor" help:"what an earlier check has printed as last entry, SEQUENCE:HASH: the log has to hold it still; together with --organization"`
}

func auditVerifyCommand() Command {
	return Command{
		Name: "audit verify", Summary: "check that nothing in the audit log was altered, removed or put elsewhere",
		Run: func(ctx context.Context, env Env, args []string) error {
			var cfg auditVerifyConfig
			if err := loadConfig(&cfg, env, "kontor audit verify", args); err != nil {
				return err
			}
			anchors, err := cfg.anchors()
			if err != nil {
				return err
			}
			return verifyAudit(ctx, env, cfg, anchors)
		},
	}
}

func (c *auditVerifyConfig) anchors() ([]identity.AuditAnchor, error) {
	if c.Anchor == "" {
		return nil, nil
	}
	place, hash, ok := strings.Cut(c.Anchor, ":")
	sequence, err := strconv.ParseInt(place, 10, 64)
	if !ok || err != nil || sequence < 1 || len(hash) != 64 {
		return nil, fmt.Errorf("--anchor %q is not SEQUENCE:HASH, such as 120:5f3c…: %w", c.Anchor, ErrUsage)
	}
	if c.Organization == "" {
		return nil, fmt.Errorf("--anchor belongs to one log: name it with --organization: %w", ErrUsage)
	}
	return []identity.AuditAnchor{{Sequence: sequence, Hash: strings.ToLower(hash)}}, nil
}

func verifyAudit(ctx context.Context, env Env, cfg auditVerifyConfig, anchors []identity.AuditAnchor) (err error) {
	a, err := cfg.attach(ctx, env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	secret, err := suite.IdentitySecret(cfg.Config, cfg.Separate)
	if err != nil {
		return err
	}
	if secret == "" {
		fmt.Fprintln(env.Stderr, "kontor: KONTOR_IDENTITY_SECRET is not set: the seals are not checked, so that entries cut off at the end may go unseen")
	}
	db, err := a.System(ctx, identity.Name)
	if err != nil {
		return err
	}
	defer db.Close()
	unsound := 0
	err = identity.VerifyAudit(ctx, db, secret, cfg.Organization, anchors, func(r identity.AuditReport) {
		if r.Problem != "" {
			unsound++
			fmt.Fprintf(env.Stdout, "%s %q: NOT SOUND, first at entry %d: %s\n", r.Organization, r.Name, r.Sequence, r.Problem)
			return
		}
		erased := ""
		if r.Erased > 0 {
			erased = fmt.Sprintf(", of %d the values are erased", r.Erased)
		}
		fmt.Fprintf(env.Stdout, "%s %q: sound, %d entries%s; last entry %d:%s\n",
			r.Organization, r.Name, r.Checked, erased, r.Last.Sequence, r.Last.Hash)
	})
	if err == nil && unsound > 0 {
		err = fmt.Errorf("%w: %d of the logs above", ErrAuditUnsound, unsound)
	}
	return err
}
