//go:build !linux

package embedded

import "syscall"

// sysProcAttr is the portable part of what Linux does: elsewhere nothing stops
// the server when we are killed; the next start does.
func sysProcAttr(o *owner) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if o != nil {
		attr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
	return attr
}

// processesIn needs /proc; PostgreSQL's own check of its lock file has to do.
func processesIn(string) []int { return nil }
