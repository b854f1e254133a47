// Package remote is the public API as the command line uses it: it signs in and stays so, repeats what an outage cut off
// without a second effect, and reads problem details.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"kontor.internal/libs/id"
)

// Credentials are an API key, or e-mail address and password.
type Credentials struct {
	APIKey          string
	Email, Password string
}

// ErrCredentials says that neither an API key nor e-mail address and password are given.
var ErrCredentials = errors.New("set KONTOR_API_KEY, or KONTOR_EMAIL and KONTOR_PASSWORD")

// Client calls the API. It is for one goroutine at a time, but for its token.
type Client struct {
	base  string
	creds Credentials
	http  *http.Client
	// patience is how long a call is repeated while the API does not answer.
	patience time.Duration

	mu    sync.Mutex
	token string
}

// New returns a client of the API at address, such as "http://127.0.0.1:8080". It returns ErrCredentials.
func New(address string, creds Credentials) (*Client, error) {
	if creds.APIKey == "" && (creds.Email == "" || creds.Password == "") {
		return nil, ErrCredentials
	}
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not an address such as http://127.0.0.1:8080", address)
	}
	return &Client{
		base: strings.TrimSuffix(address, "/"), creds: creds, http: &http.Client{Timeout: 5 * time.Minute}, patience: 2 * time.Minute,
	}, nil
}

// ProblemError is an answer that tells of a failure (RFC 9457).
type ProblemError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
	Fields []struct {
		Field       string `json:"field"`
		Description string `json:"description"`
	} `json:"fields"`
}

// Error is the problem in a line.
func (p *ProblemError) Error() string {
	msg := p.Detail
	if msg == "" {
		msg = p.Title
	}
	parts := []string{msg}
	for _, f := range p.Fields {
		parts = append(parts, f.Field+": "+f.Description)
	}
	return fmt.Sprintf("%s (%s, HTTP %d)", strings.Join(parts, "; "), p.Reason, p.Status)
}

// Object is a JSON object.
type Object = map[string]any

// Get reads a path, with query values, into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.call(ctx, http.MethodGet, path, nil, out)
}

// Post sends in to a path and reads the answer into out, if that is not nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.call(ctx, http.MethodPost, path, in, out)
}

// Patch changes what is at a path.
func (c *Client) Patch(ctx context.Context, path string, in any) error {
	return c.call(ctx, http.MethodPatch, path, in, nil)
}

// Delete deletes what is at a path.
func (c *Client) Delete(ctx context.Context, path string) error {
	return c.call(ctx, http.MethodDelete, path, nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	key := ""
	if method != http.MethodGet {
		key = id.New()
	}
	return c.repeat(ctx, func() (*http.Request, error) {
		req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if in != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		return req, nil
	}, out)
}

// Upload stores a file and returns its ID. open is called for each try.
func (c *Client) Upload(ctx context.Context, name string, open func() (io.ReadCloser, error)) (string, error) {
	var out struct {
		File struct {
			ID string `json:"id"`
		} `json:"file"`
	}
	key := id.New()
	err := c.repeat(ctx, func() (*http.Request, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		pr, pw := io.Pipe()
		form := multipart.NewWriter(pw)
		go func() {
			defer func() { _ = f.Close() }() // it was only read
			part, err := form.CreateFormFile("file", name)
			if err == nil {
				_, err = io.Copy(part, f)
			}
			if err == nil {
				err = form.Close()
			}
			_ = pw.CloseWithError(err) // never fails
		}()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/files", pr)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", form.FormDataContentType())
		req.Header.Set("Idempotency-Key", key)
		return req, nil
	}, &out)
	return out.File.ID, err
}

// repeat sends a request until it is answered, for some minutes: an outage of the suite is not the end of an import.
func (c *Client) repeat(ctx context.Context, make func() (*http.Request, error), out any) error {
	deadline := time.NewTimer(c.patience)
	defer deadline.Stop()
	signed := false
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := c.once(ctx, make, out)
		var p *ProblemError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &p) && p.Status == http.StatusUnauthorized && c.creds.APIKey == "" && !signed:
			signed = true // the token has expired: sign in again, once
			c.forget()
			continue
		case errors.As(err, &p) && !p.temporary(), ctx.Err() != nil:
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-deadline.C:
			t.Stop()
			return err
		case <-t.C:
		}
	}
}

func (p *ProblemError) temporary() bool {
	switch p.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func (c *Client) once(ctx context.Context, make func() (*http.Request, error), out any) error {
	token, err := c.authorization(ctx)
	if err != nil {
		return err
	}
	req, err := make()
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return c.send(req, out)
}

func (c *Client) send(req *http.Request, out any) error {
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the API does not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		p := &ProblemError{}
		if json.Unmarshal(text, p) != nil || p.Reason == "" {
			p = &ProblemError{Title: http.StatusText(res.StatusCode), Reason: "HTTP"}
		}
		p.Status = res.StatusCode
		return p
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("answer of %s %s: %w", req.Method, req.URL.Path, err)
	}
	return nil
}

// authorization is the API key, or an access token for which the client signs in.
func (c *Client) authorization(ctx context.Context) (string, error) {
	if c.creds.APIKey != "" {
		return c.creds.APIKey, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" {
		return c.token, nil
	}
	body, err := json.Marshal(Object{"email": c.creds.Email, "password": c.creds.Password})
	if err != nil {
		return "", fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/sessions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	var out struct {
		AccessToken string `json:"accessToken"`
	}
	if err := c.send(req, &out); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if out.AccessToken == "" {
		return "", errors.New("sign in: this person belongs to several organisations; use an API key of the one that is meant")
	}
	c.token = out.AccessToken
	return c.token, nil
}

func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = ""
}
