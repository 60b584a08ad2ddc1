package importer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"hapi/internal/hub/store"
	"hapi/internal/wire"
)

func (r *run) users(ctx context.Context) error {
	if r.from.columns["users"] == nil {
		return nil
	}
	rows, err := r.from.db.QueryContext(ctx, `SELECT platform, platform_user_id, namespace, created_at FROM users ORDER BY id`)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var platform, id string
		var ns wire.Namespace
		var at wire.Millis
		if err := rows.Scan(&platform, &id, &ns, &at); err != nil {
			return err
		}
		r.report.Users.Found++
		return r.write(ctx, &r.report.Users, func(tx *store.Tx) (bool, error) { return tx.ImportUser(ctx, platform, id, ns, at) })
	})
}

func (r *run) subscriptions(ctx context.Context) error {
	if r.from.columns["push_subscriptions"] == nil {
		return nil
	}
	rows, err := r.from.db.QueryContext(ctx, `SELECT namespace, endpoint, p256dh, auth, created_at FROM push_subscriptions ORDER BY id`)
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var ns wire.Namespace
		var p wire.PushSubscription
		var at wire.Millis
		if err := rows.Scan(&ns, &p.Endpoint, &p.Keys.P256dh, &p.Keys.Auth, &at); err != nil {
			return err
		}
		r.report.Subscriptions.Found++
		return r.write(ctx, &r.report.Subscriptions, func(tx *store.Tx) (bool, error) { return tx.ImportSubscription(ctx, ns, &p, at) })
	})
}

func (r *run) devices(ctx context.Context) error {
	if r.from.columns["fcm_devices"] == nil {
		return nil
	}
	rows, err := r.from.db.QueryContext(ctx, r.from.choose("fcm_devices", "ORDER BY id",
		[2]string{"namespace"}, [2]string{"token"}, [2]string{"platform"}, [2]string{"device_id"}, [2]string{"push_key", "NULL"}, [2]string{"updated_at"}))
	if err != nil {
		return err
	}
	return each(rows, func() error {
		var ns wire.Namespace
		var d wire.Device
		var key sql.NullString
		var at wire.Millis
		if err := rows.Scan(&ns, &d.Token, &d.Platform, &d.DeviceID, &key, &at); err != nil {
			return err
		}
		d.PushKey = key.String
		r.report.Devices.Found++
		return r.write(ctx, &r.report.Devices, func(tx *store.Tx) (bool, error) { return tx.ImportDevice(ctx, ns, &d, at) })
	})
}

// files copies the files of notes that lie beside the source, unless that is
// where ours are. Both sides are reached through root handles.
func (r *run) files(dir string) (err error) {
	source := filepath.Join(filepath.Dir(r.from.path), "scratchlist-attachments")
	if dir == "" || same(source, dir) {
		return nil
	}
	from, err := os.OpenRoot(source)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	into, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	return fs.WalkDir(from.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if err := into.Mkdir(name, 0o700); name != "." && err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil
		case !entry.Type().IsRegular():
			return nil
		}
		r.report.Files.Found++
		added, err := copyFile(from, into, name)
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
		r.report.Files.count(added)
		return nil
	})
}

func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func copyFile(from, into *os.Root, name string) (added bool, err error) {
	if _, err := into.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	in, err := from.Open(name)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	partial := name + ".importing" // a file that has its name is whole
	out, err := into.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return false, err
	}
	return true, into.Rename(partial, name)
}
