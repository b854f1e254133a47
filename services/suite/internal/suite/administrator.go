package suite

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	identity "kontor.internal/services/identity/app"
)

// Administrator is the first user, made at the first start.
type Administrator struct {
	Email, Password string
	// MadeUp says that nobody chose the password.
	MadeUp bool
}

const (
	defaultAdminEmail = "admin@kontor.localhost"
	passwordFile      = "administrator"
)

// firstAdministrator makes the first organisation and administrator, unless there is one. A password that is made up is
// kept in the data folder before it is used: a crash right after must not lock everybody out.
func (s *Suite) firstAdministrator(ctx context.Context, to *identity.App) error {
	a := Administrator{Email: cmp.Or(s.cfg.AdminEmail, defaultAdminEmail), Password: s.cfg.AdminPassword}
	fresh := false
	if a.Password == "" {
		var err error
		if a.Password, fresh, err = s.madeUpPassword(); err != nil {
			return err
		}
		a.MadeUp = true
	}
	made, err := to.Bootstrap(ctx, identity.First{Email: a.Email, Password: a.Password})
	switch {
	case err != nil:
		return fmt.Errorf("make the first administrator: %w", err)
	case made != nil:
		s.First = &a
	case fresh: // made up for nobody
		return os.Remove(s.dataFile(passwordFile))
	}
	return nil
}

func (s *Suite) madeUpPassword() (password string, fresh bool, err error) {
	file := s.dataFile(passwordFile)
	b, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		return strings.TrimSpace(string(b)), false, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", false, fmt.Errorf("the administrator's password: %w", err)
	}
	password = strings.ToLower(rand.Text()[:20])
	return password, true, writeSecret(file, password)
}

// PasswordFile is where a made-up password is kept, "" if none is.
func (s *Suite) PasswordFile() string {
	file := s.dataFile(passwordFile)
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}
