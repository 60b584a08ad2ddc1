package workspace

import "io/fs"

// ownedAlone holds on Windows: each user has a directory for temporary files.
func ownedAlone(fs.FileInfo) bool { return true }
