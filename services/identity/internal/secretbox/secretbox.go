// Package secretbox encrypts what must be stored and read again: private signing keys and the passwords of mail
// servers. Passwords and keys of our own are hashed instead.
package secretbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// ErrOpen says that something was sealed with another secret or for another purpose, or was changed since.
var ErrOpen = errors.New("cannot decrypt: the secret has changed or the data was tampered with")

// Box seals and opens with AES-256-GCM.
type Box struct {
	aead cipher.AEAD
}

// New derives the box's key from the installation's secret and the purpose, so that what is sealed for one purpose
// cannot be passed off for another.
func New(secret, purpose string) (*Box, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "kontor/identity/"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return &Box{aead: aead}, nil
}

// Seal encrypts plain. about is not stored but has to be the same when it is opened: the ID of the row it lies in, so
// that nobody can copy it into another.
func (b *Box) Seal(plain []byte, about string) ([]byte, error) {
	nonce := make([]byte, b.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	return b.aead.Seal(nonce, nonce, plain, []byte(about)), nil
}

// Open decrypts what Seal made. It returns ErrOpen if that is not possible.
func (b *Box) Open(sealed []byte, about string) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrOpen
	}
	plain, err := b.aead.Open(nil, sealed[:n], sealed[n:], []byte(about))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}
