package pg

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ProvisionOptions says what a database needs beyond the usual.
type ProvisionOptions struct {
	// Secret makes the roles' passwords, so that the same secret gives the same URLs again. Required without Password.
	Secret string
	// Password is that of both roles, instead of one made from Secret.
	Password string
	// Groups are roles that the login role may take on besides RoleApp and RoleSystem: RoleAccounts for identity.
	Groups []string
	// Database is the database's name where it is not the service's (tests).
	Database string
	// Template is a database provisioned before, of which this one becomes a copy (tests).
	Template string
}

// URLs are those of a provisioned database.
type URLs struct {
	// Owner is for migrations: the role that owns the tables.
	Owner string
	// Service is for the service: a role that owns nothing and becomes RoleApp or RoleSystem (Config.Role).
	Service string
}

// Provision makes the database of a service and its roles, or brings existing ones up to date. adminURL is a
// superuser's. It is what the suite and tests do; docs give an operator the same as SQL.
func Provision(ctx context.Context, adminURL, service string, opts ProvisionOptions) (URLs, error) {
	if opts.Database == "" {
		opts.Database = service
	}
	for _, name := range append([]string{service, opts.Database}, opts.Groups...) {
		if !plainName.MatchString(name) {
			return URLs{}, fmt.Errorf("provision: name %q: lower-case letters, digits and _ only", name)
		}
	}
	if opts.Secret == "" && opts.Password == "" {
		return URLs{}, errors.New("provision: no secret to make passwords from")
	}
	p := provision{name: opts.Database, login: service, owner: service + "_owner", opts: opts}
	if err := p.cluster(ctx, adminURL); err != nil {
		return URLs{}, fmt.Errorf("provision %s: %w", p.name, err)
	}
	if opts.Template == "" {
		dbURL, err := withUser(adminURL, p.name, "", "")
		if err != nil {
			return URLs{}, err
		}
		if err := run(ctx, dbURL, p.inDatabase()); err != nil {
			return URLs{}, fmt.Errorf("provision %s: %w", p.name, err)
		}
	}
	var urls URLs
	var err error
	if urls.Owner, err = withUser(adminURL, p.name, p.owner, p.password(p.owner)); err != nil {
		return URLs{}, err
	}
	if urls.Service, err = withUser(adminURL, p.name, p.login, p.password(p.login)); err != nil {
		return URLs{}, err
	}
	return urls, nil
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

type provision struct {
	name, login, owner string
	opts               ProvisionOptions
}

// password derives a role's password.
func (p *provision) password(role string) string {
	if p.opts.Password != "" {
		return p.opts.Password
	}
	m := hmac.New(sha256.New, []byte(p.opts.Secret))
	m.Write([]byte("kontor role " + role))
	return hex.EncodeToString(m.Sum(nil)[:20])
}

// literal quotes a string for SQL where no parameter can stand. Backslashes mean themselves, as in the SQL standard.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// cluster makes roles and the database.
func (p *provision) cluster(ctx context.Context, adminURL string) error {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	// Roles are of the whole cluster: services starting at once must not make them at once.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('kontor provision'))`); err != nil {
		return err
	}
	for _, sql := range p.roles() {
		if p.opts.Template != "" {
			break // made with the template
		}
		if _, err := conn.Exec(ctx, sql); err != nil && State(err) != "42710" { // there already
			return err
		}
	}
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, p.name).Scan(&there); err != nil {
		return err
	}
	if !there {
		template := "template0 ENCODING 'UTF8'"
		if p.opts.Template != "" {
			template = pgx.Identifier{p.opts.Template}.Sanitize()
		}
		if _, err := conn.Exec(ctx, `CREATE DATABASE `+p.name+` OWNER `+p.owner+` TEMPLATE `+template); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, p.connect())
	return err
}

// roles are statements that may find their role there already.
func (p *provision) roles() []string {
	members := strings.Join(append([]string{RoleApp, RoleSystem}, p.opts.Groups...), ", ")
	sqls := []string{
		`CREATE ROLE ` + RoleApp + ` NOLOGIN`,
		`CREATE ROLE ` + RoleSystem + ` NOLOGIN`,
		`CREATE ROLE ` + RoleAccounts + ` NOLOGIN`,
		`CREATE ROLE ` + p.owner + ` LOGIN`,
		`CREATE ROLE ` + p.login + ` LOGIN NOINHERIT`,
		`ALTER ROLE ` + p.owner + ` PASSWORD ` + literal(p.password(p.owner)),
		`ALTER ROLE ` + p.login + ` PASSWORD ` + literal(p.password(p.login)),
	}
	for _, g := range p.opts.Groups {
		if g != RoleAccounts {
			sqls = append(sqls, `CREATE ROLE `+g+` NOLOGIN`)
		}
	}
	return append(sqls, `GRANT `+members+` TO `+p.login)
}

// connect keeps the roles of other services out.
func (p *provision) connect() string {
	return `REVOKE ALL ON DATABASE ` + p.name + ` FROM PUBLIC;
		GRANT CONNECT, TEMPORARY ON DATABASE ` + p.name + ` TO ` + p.login + `, ` + p.owner
}

// inDatabase is run within the new database, as superuser.
//
// Row-level security is evaluated before any operator that is not marked leakproof, so that without the marks below an
// index on text patterns or numbers could not serve a tenant's query: it would read all rows of the organisation. The
// functions reveal nothing of a row they do not return; their errors concern the pattern alone.
func (p *provision) inDatabase() string {
	return `
	ALTER DEFAULT PRIVILEGES FOR ROLE ` + p.owner + ` GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ` + RoleApp + `, ` + RoleSystem + `;
	ALTER DEFAULT PRIVILEGES FOR ROLE ` + p.owner + ` GRANT USAGE ON SEQUENCES TO ` + RoleApp + `, ` + RoleSystem + `;
	CREATE EXTENSION IF NOT EXISTS pg_trgm;
	CREATE EXTENSION IF NOT EXISTS btree_gin;
	CREATE EXTENSION IF NOT EXISTS unaccent;
	DO $do$
	DECLARE f regprocedure;
	BEGIN
		FOR f IN
			SELECT p.oid::regprocedure
			FROM pg_proc p
			WHERE NOT p.proleakproof AND (
				p.oid IN (SELECT oprcode FROM pg_operator WHERE oprleft = 'numeric'::regtype AND oprright = 'numeric'::regtype AND oprresult = 'bool'::regtype)
				OR p.proname IN ('textlike', 'texticlike', 'similarity_op', 'word_similarity_op', 'word_similarity_commutator_op',
					'textregexeq', 'arraycontains', 'arraycontained', 'arrayoverlap'))
		LOOP
			EXECUTE format('ALTER FUNCTION %s LEAKPROOF', f);
		END LOOP;
	END $do$`
}

// run sends a script.
func run(ctx context.Context, dbURL, script string) error {
	conn, err := pgconn.Connect(ctx, dbURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nobody to tell
	_, err = conn.Exec(ctx, script).ReadAll()
	return err
}

// withUser is a URL for another database and, if user is given, another role.
func withUser(adminURL, database, user, password string) (string, error) {
	u, err := url.Parse(adminURL)
	if err != nil || u.Scheme == "" {
		return "", errors.New("the administrator's database URL is not a URL")
	}
	u.Path = "/" + database
	if user != "" {
		u.User = url.UserPassword(user, password)
	}
	return u.String(), nil
}
