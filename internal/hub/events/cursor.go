package events

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"hapi/internal/wire"
)

// cursor is what an event id says: `<hubid>.<boot>:<change>.<n>:<tag>`. Peers
// treat it as opaque.
type cursor struct {
	boot   string // the process that published it
	change int64  // everything up to this committed change was published before, or with it
	n      int64  // position in the namespace's ring of that process
}

// cursorScheme is what the ids of one namespace have in common.
type cursorScheme struct {
	hubID, boot, tag string
}

// namespaceTag keeps a cursor of one namespace from resuming in another after
// a change of token.
func namespaceTag(hubID string, ns wire.Namespace) string {
	sum := sha256.Sum256([]byte(hubID + "|" + string(ns)))
	return hex.EncodeToString(sum[:4])
}

func (s cursorScheme) appendID(b []byte, change, n int64) []byte {
	b = append(b, s.hubID...)
	b = append(b, '.')
	b = append(b, s.boot...)
	b = append(b, ':')
	b = strconv.AppendInt(b, change, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, n, 10)
	b = append(b, ':')
	return append(b, s.tag...)
}

// parse reads an id of this hub and namespace. Anything else is not ok.
func (s cursorScheme) parse(id string) (cursor, bool) {
	process, rest, _ := strings.Cut(id, ":")
	position, tag, _ := strings.Cut(rest, ":")
	hubID, boot, dotted := strings.Cut(process, ".")
	change, n, dotted2 := strings.Cut(position, ".")
	if !dotted || !dotted2 || hubID != s.hubID || boot == "" || tag != s.tag {
		return cursor{}, false
	}
	c := cursor{boot: boot}
	var err error
	if c.change, err = strconv.ParseInt(change, 10, 64); err != nil || c.change < 0 {
		return cursor{}, false
	}
	if c.n, err = strconv.ParseInt(n, 10, 64); err != nil || c.n < 0 {
		return cursor{}, false
	}
	return c, true
}
