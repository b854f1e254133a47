package account

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"kontor.internal/libs/apperr"
)

// Failures of the second factor (ID-7).
var (
	ErrCodeRequired = apperr.NotAllowedNow("SECOND_FACTOR_REQUIRED", "give a code of your authenticator app, or a recovery code")
	ErrCodeWrong    = apperr.Invalid("SECOND_FACTOR_WRONG", "the code is not right, or was used before; wait for the next one")
	ErrFactorSet    = apperr.NotAllowedNow("SECOND_FACTOR_SET", "there is a second factor; remove it first")
	ErrNotBegun     = apperr.NotAllowedNow("SECOND_FACTOR_NOT_BEGUN", "begin to set a second factor up first")
	ErrEnforced     = apperr.NotAllowedNow("SECOND_FACTOR_ENFORCED", "the organisation asks for a second factor, so it cannot be removed")
)

const (
	// step is how long a code holds, in seconds, and around how many steps a clock may be wrong.
	step          = 30
	stepsApart    = 1
	recoveryCodes = 10
	// recoveryBytes is 80 bits: too many to guess, even from the hash.
	recoveryBytes = 10
	qrSize        = 220
)

// Factor is the second factor of an account: codes by time (RFC 6238), as authenticator apps make them.
type Factor struct {
	// Secret is base32; empty without a second factor.
	Secret string
	// Pending is one that no code has been seen of yet.
	Pending string
	// Step is the one whose code was used last.
	Step int64
	// Recovery are the hashes of the recovery codes that are left.
	Recovery [][]byte
}

// On reports whether a code is asked for.
func (f *Factor) On() bool { return f.Secret != "" }

// Use is what a right code uses up: a step, or a recovery code.
type Use struct {
	Step     int64
	Recovery []byte
}

// Check returns what the code uses up, or ErrCodeWrong. Somebody else may use it up first; storing that decides.
func (f *Factor) Check(code string, now time.Time) (Use, error) {
	if at, ok := match(f.Secret, code, now); ok && at > f.Step {
		return Use{Step: at}, nil
	}
	hash := recoveryHash(code)
	for _, h := range f.Recovery {
		if subtle.ConstantTimeCompare(h, hash) == 1 {
			return Use{Recovery: hash}, nil
		}
	}
	return Use{}, ErrCodeWrong
}

// Confirms returns the step whose code of the pending secret it is, or ErrCodeWrong, or ErrNotBegun.
func (f *Factor) Confirms(code string, now time.Time) (int64, error) {
	if f.Pending == "" {
		return 0, ErrNotBegun
	}
	at, ok := match(f.Pending, code, now)
	if !ok {
		return 0, ErrCodeWrong
	}
	return at, nil
}

func match(secret, code string, now time.Time) (int64, bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	if secret == "" || len(code) != otp.DigitsSix.Length() {
		return 0, false
	}
	current := now.Unix() / step
	for at := current - stepsApart; at <= current+stepsApart; at++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(at), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return at, true
		}
	}
	return 0, false
}

// Setup is what an authenticator app needs.
type Setup struct {
	Secret, URI string
	// QR is the URI as a picture, PNG.
	QR []byte
}

// NewSecret makes the secret of a second factor.
func NewSecret() string {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
}

// SetupOf describes a secret for an authenticator app.
func SetupOf(secret, email string) (*Setup, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return nil, fmt.Errorf("decode secret: %w", err)
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Kontor", AccountName: email, Secret: raw, Period: step})
	if err != nil {
		return nil, fmt.Errorf("describe second factor: %w", err)
	}
	img, err := key.Image(qrSize, qrSize)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	return &Setup{Secret: key.Secret(), URI: key.URL(), QR: b.Bytes()}, nil
}

// NewRecovery makes recovery codes and their hashes.
func NewRecovery() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		raw := make([]byte, recoveryBytes)
		_, _ = rand.Read(raw) // as above
		s := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		code := s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:]
		codes, hashes = append(codes, code), append(hashes, recoveryHash(code))
	}
	return codes, hashes
}

func recoveryHash(code string) []byte {
	code = strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(code))
	sum := sha256.Sum256([]byte(code))
	return sum[:]
}
