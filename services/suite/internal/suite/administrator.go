package suite

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// makeFunc makes the first organisation with its administrator, and reports false if there is one already.
type makeFunc func(ctx context.Context, email, password string) (made bool, err error)

// firstAdministrator makes the first organisation and administrator, unless there is one. A password that is made up is
// kept in the data folder before it is used: a crash right after must not lock everybody out.
func (s *Suite) firstAdministrator(ctx context.Context, make makeFunc) error {
	a := Administrator{Email: s.cfg.AdminEmail, Password: s.cfg.AdminPassword}
	if a.Email == "" {
		a.Email = defaultAdminEmail
	}
	if a.Password == "" {
		var err error
		if a.Password, err = s.madeUpPassword(); err != nil {
			return err
		}
		a.MadeUp = true
	}
	made, err := make(ctx, a.Email, a.Password)
	if err != nil {
		return fmt.Errorf("make the first administrator: %w", err)
	}
	if made {
		s.First = &a
	}
	return nil
}

func (s *Suite) madeUpPassword() (string, error) {
	file := s.dataFile(passwordFile)
	b, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the administrator's password: %w", err)
	}
	password := strings.ToLower(rand.Text()[:20])
	return password, writeSecret(file, password)
}

// PasswordFile is where a made-up password is kept, "" if none is.
func (s *Suite) PasswordFile() string {
	file := s.dataFile(passwordFile)
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}
