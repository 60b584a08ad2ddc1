package runner

import "os"

// exitOf is how a process ended.
func exitOf(s *os.ProcessState) (code *int, signal *string) {
	c := s.ExitCode()
	return &c, nil
}
