package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hapi/internal/hub/importer"
	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

// sample unpacks a database that a HAPI hub wrote.
func sample(t *testing.T, name string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", name+".db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hapi.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// change runs statements on a sample, as its hub might have.
func change(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "hapi.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, st.Close()); err != nil {
			t.Error(err)
		}
	})
	return st
}

func run(t *testing.T, path string, st *store.Store, o importer.Options) importer.Report {
	t.Helper()
	report, err := importer.Run(t.Context(), path, st, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var countsOnly = cmpopts.IgnoreFields(importer.Report{}, "Source", "Schema")

func only(t *testing.T, st *store.Store) store.Session {
	t.Helper()
	all, err := st.Sessions(t.Context(), st.Reader())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	return all[0]
}

func rowsOf(t *testing.T, st *store.Store, id wire.SessionID) []store.Message {
	t.Helper()
	rows, err := st.FirstMessages(t.Context(), st.Reader(), id, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestEverythingComesOnce(t *testing.T) {
	t.Parallel()
	source, st := sample(t, "questions-and-plans"), newStore(t)
	before, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	want := importer.Report{
		Sessions: importer.Counts{Found: 1, Added: 1}, Messages: importer.Counts{Found: 61, Added: 61}, Machines: importer.Counts{Found: 1, Added: 1},
	}
	if diff := cmp.Diff(want, run(t, source, st, importer.Options{}), countsOnly); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	session, first := only(t, st), rowsOf(t, st, only(t, st).ID)
	if session.Active || session.MetadataVersion < 2 || !strings.Contains(string(session.Metadata), `"flavor":"claude"`) || session.Todos == nil && session.TodosUpdatedAt != 0 {
		t.Errorf("the session is %+v", session)
	}
	for i, m := range first {
		if m.Seq != int64(i+1) || i > 0 && m.Position().Compare(first[i-1].Position()) <= 0 || !json.Valid(m.Content) {
			t.Errorf("row %d is %+v", i, m)
		}
	}
	want = importer.Report{
		Sessions: importer.Counts{Found: 1, Known: 1}, Messages: importer.Counts{Found: 61, Known: 61}, Machines: importer.Counts{Found: 1, Known: 1},
	}
	if diff := cmp.Diff(want, run(t, source, st, importer.Options{}), countsOnly); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first, rowsOf(t, st, session.ID)); diff != "" {
		t.Errorf("the second time changed rows (-first +second):\n%s", diff)
	}
	after, err := os.ReadFile(source)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the source was written to, or is gone: %v", err)
	}
}

func TestNotesUsageAndFilesComeToo(t *testing.T) {
	t.Parallel()
	source, st, files := sample(t, "uploads-and-notes"), newStore(t), filepath.Join(t.TempDir(), "files")
	note := filepath.Join(filepath.Dir(source), "scratchlist-attachments", "default", "s", "a-note.txt")
	if err := os.MkdirAll(filepath.Dir(note), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(note, []byte("attached"), 0o600); err != nil {
		t.Fatal(err)
	}
	report := run(t, filepath.Dir(source), st, importer.Options{Files: files}) // by its directory
	if report.Notes.Added != 1 || report.Files.Added != 1 || report.Messages.Added != 8 {
		t.Errorf("got %+v", report)
	}
	notes, err := st.Scratchlist(t.Context(), st.Reader(), only(t, st).ID)
	if err != nil || len(notes) != 1 || notes[0].Text != "note one" {
		t.Errorf("notes: %+v %v", notes, err)
	}
	if raw, err := os.ReadFile(filepath.Join(files, "default", "s", "a-note.txt")); string(raw) != "attached" {
		t.Errorf("the file has %q: %v", raw, err)
	}
}

func TestPeopleAndRegistrationsCome(t *testing.T) {
	t.Parallel()
	source, st := sample(t, "uploads-and-notes"), newStore(t)
	change(t, source,
		`INSERT INTO users (platform, platform_user_id, namespace, created_at) VALUES ('telegram', '42', 'alice', 1)`,
		`INSERT INTO push_subscriptions (namespace, endpoint, p256dh, auth, created_at) VALUES ('alice', 'https://push.example/1', 'p', 'a', 1)`,
		`INSERT INTO fcm_devices (namespace, token, platform, device_id, push_key, created_at, updated_at) VALUES ('alice', 't', 'phone', 'd', NULL, 1, 1)`)
	for _, added := range []int64{1, 0} {
		r := run(t, source, st, importer.Options{})
		if r.Users.Added != added || r.Subscriptions.Added != added || r.Devices.Added != added {
			t.Errorf("got %+v, want %d of each", r, added)
		}
	}
}

func TestRowsThatCannotBeReadAreNamedAndTheRestComes(t *testing.T) {
	t.Parallel()
	source, st := sample(t, "questions-and-plans"), newStore(t)
	change(t, source,
		`UPDATE messages SET content = x'28b52ffd00' WHERE seq = 3`, `UPDATE messages SET content = 'not json' WHERE seq = 5`,
		`UPDATE sessions SET todos = '{broken'`)
	report := run(t, source, st, importer.Options{})
	if report.Messages.Skipped != 2 || report.Messages.Added != 59 {
		t.Errorf("messages: %+v", report.Messages)
	}
	said := strings.Join(report.Skipped, "\n")
	for _, want := range []string{"unpacked", "not JSON", "todos"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing about %q in:\n%s", want, said)
		}
	}
}

func TestWhatWasSaidHereStaysBehindWhatComesFromThere(t *testing.T) {
	t.Parallel()
	source, st := sample(t, "questions-and-plans"), newStore(t)
	change(t, source, `CREATE TABLE aside AS SELECT * FROM messages WHERE seq > 30`, `DELETE FROM messages WHERE seq > 30`)
	run(t, source, st, importer.Options{})
	id := only(t, st).ID
	later := wire.Millis(1 << 42)
	err := st.Write(t.Context(), func(tx *store.Tx) error {
		_, _, err := tx.InsertMessage(t.Context(), id, store.NewMessage{ID: "here", Content: json.RawMessage(`{}`), CreatedAt: later})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	change(t, source, `INSERT INTO messages SELECT * FROM aside`)
	run(t, source, st, importer.Options{})
	rows := rowsOf(t, st, id)
	if len(rows) != 62 || rows[61].ID != "here" || rows[61].Seq != 62 {
		t.Errorf("%d rows, the last is %+v", len(rows), rows[len(rows)-1])
	}
}

func TestWhatIsNoHapiDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	tooNew := sample(t, "uploads-and-notes")
	change(t, tooNew, `PRAGMA user_version = 26`)
	tooOld := sample(t, "uploads-and-notes")
	change(t, tooOld, `PRAGMA user_version = 19`)
	text := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(text, []byte("just text, and long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		tooNew: "use a newer one", tooOld: "start the newest HAPI hub", text: "cannot be read as a SQLite database",
		st.Path(): "already", filepath.Join(t.TempDir(), "none.db"): "no such file",
	} {
		if _, err := importer.Run(t.Context(), path, st, importer.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	if _, err := store.Open(t.Context(), sample(t, "uploads-and-notes"), store.Options{}); !errors.Is(err, store.ErrReference) {
		t.Errorf("opening it as our own: %v", err)
	}
}

func TestAnInterruptedImportGoesOn(t *testing.T) {
	t.Parallel()
	source, st := sample(t, "questions-and-plans"), newStore(t)
	change(t, source,
		`INSERT INTO sessions (id, tag, created_at, updated_at) SELECT 'copy', 'copy', created_at + 1, updated_at FROM sessions`,
		`INSERT INTO messages (id, session_id, content, created_at, seq) SELECT 'copy-' || id, 'copy', content, created_at, seq FROM messages WHERE session_id <> 'copy'`)
	ctx, stop := context.WithCancel(t.Context())
	_, err := importer.Run(ctx, source, st, importer.Options{Progress: func(int64, int64) { stop() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the interrupted import gives %v", err)
	}
	if report := run(t, source, st, importer.Options{}); report.Sessions.Added != 1 || report.Sessions.Known != 1 || report.Messages.Added+report.Messages.Known != 122 {
		t.Errorf("went on with %+v", report)
	}
}
