package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// derive makes the secret for one purpose from the installation's.
func derive(secret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("kontor " + purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

// keptSecret is the installation's secret, made up at the first start: passwords of database roles and the secret that
// services share come from it.
func keptSecret(dataDir string, made func() string) (string, error) {
	file := filepath.Join(dataDir, "secret")
	b, err := os.ReadFile(filepath.Clean(file))
	if err == nil {
		if s := strings.TrimSpace(string(b)); s != "" {
			return s, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("the installation's secret: %w", err)
	}
	secret := made()
	return secret, writeSecret(file, secret)
}

// writeSecret is readable by us alone and whole or not there at all.
func writeSecret(file, text string) error {
	tmp := file + ".new"
	if err := os.WriteFile(tmp, []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
