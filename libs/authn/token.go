package authn

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Issuer is the "iss" of every access token.
const Issuer = "kontor"

// Claims are what an access token says.
type Claims struct {
	jwt.RegisteredClaims

	// Organization is the organisation signed in to.
	Organization string `json:"org"`
	// Session is the sign-in session. Empty for API keys and services.
	Session string `json:"sid,omitempty"`
	// Act is the service that acts on the subject's behalf. Empty when the subject acts itself.
	Act string `json:"act,omitempty"`
}

// Sign returns an access token for p, good from now for ttl. Only identity holds keys to sign with.
func Sign(key ed25519.PrivateKey, kid, tokenID string, p Principal, now time.Time, ttl time.Duration) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID: tokenID, Issuer: Issuer, Subject: p.UserID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Organization: p.OrganizationID, Session: p.SessionID, Act: p.Service,
	})
	t.Header["kid"] = kid
	s, err := t.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return s, nil
}

// jwk is a public Ed25519 key by RFC 8037.
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	ID    string `json:"kid"`
	Use   string `json:"use,omitempty"`
	Alg   string `json:"alg,omitempty"`
}

type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// JWKS writes public keys, by key ID, as a JWK set (RFC 7517): what a Verifier fetches.
func JWKS(keys map[string]ed25519.PublicKey) ([]byte, error) {
	set := jwkSet{Keys: make([]jwk, 0, len(keys))}
	for id, k := range keys {
		set.Keys = append(set.Keys, jwk{
			Type: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k), ID: id,
			Use: "sig", Alg: jwt.SigningMethodEdDSA.Alg(),
		})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode keys: %w", err)
	}
	return raw, nil
}

// parseKeys reads the Ed25519 keys of a JWK set and passes over others, which a later version may publish beside.
func parseKeys(raw []byte) (map[string]ed25519.PublicKey, error) {
	var set jwkSet
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("decode keys: %w", err)
	}
	keys := make(map[string]ed25519.PublicKey, len(set.Keys))
	for _, k := range set.Keys {
		if k.Type != "OKP" || k.Curve != "Ed25519" {
			continue
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("decode keys: key %.64q is not an Ed25519 key", k.ID)
		}
		keys[k.ID] = ed25519.PublicKey(x)
	}
	return keys, nil
}
