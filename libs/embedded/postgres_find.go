package embedded

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestPostgres is the first major version that has what our SQL uses.
const oldestPostgres = 15

type server struct {
	bin   string
	major int
}

// findServer returns the folder of the binaries to use: those of the version
// that made the data folder, or the newest found, or fetched ones.
func (p *Postgres) findServer(ctx context.Context, dataMajor string) (string, error) {
	found := installedServers(ctx, p.opts.BinDir)
	if dataMajor == "" {
		if len(found) > 0 {
			return found[0].bin, nil
		}
		return p.fetchServer(ctx)
	}
	for _, s := range found {
		if strconv.Itoa(s.major) == dataMajor {
			return s.bin, nil
		}
	}
	if dataMajor == fetchedMajor {
		return p.fetchServer(ctx)
	}
	have := "none"
	if len(found) > 0 {
		var names []string
		for _, s := range found {
			names = append(names, fmt.Sprintf("%d (%s)", s.major, s.bin))
		}
		have = strings.Join(names, ", ")
	}
	return "", fmt.Errorf("the data in %s was made by PostgreSQL %s, and this machine has %s: "+
		"install postgresql-%s, or move the data with pg_dumpall", p.dataDir, dataMajor, have, dataMajor)
}

// installedServers lists usable servers, newest first.
func installedServers(ctx context.Context, binDir string) []server {
	dirs := []string{binDir}
	if binDir == "" {
		dirs, _ = filepath.Glob("/usr/lib/postgresql/*/bin") // Debian and its children
		for _, pattern := range []string{"/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@*/bin"} {
			more, _ := filepath.Glob(pattern)
			dirs = append(dirs, more...)
		}
		if path, err := exec.LookPath("postgres"); err == nil {
			if path, err = filepath.EvalSymlinks(path); err == nil {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	var found []server
	for _, dir := range dirs {
		major := serverMajor(ctx, dir)
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil || major < oldestPostgres {
			continue
		}
		found = append(found, server{dir, major})
	}
	slices.SortStableFunc(found, func(a, b server) int { return cmp.Compare(b.major, a.major) })
	return found
}

// serverMajor is 0 if there is no server in the folder.
func serverMajor(ctx context.Context, dir string) int {
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec // a fixed name
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`\) (\d+)`).FindSubmatch(out)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(m[1]))
	return major
}
