// Command bench loads a hub over its public protocol and says what each kind
// of work costs it. It knows nothing of the hub's inside, so it measures any
// hub that speaks the protocol: its own child (-hub BINARY) or a running one
// (-url, -token, and -pid to account for its CPU and memory).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

type options struct {
	binary, url, token string
	pid                int
	jsonPath           string
	only               string
	seconds, settle    float64
	idle, sessions     int
	watchers           int
}

func main() {
	var o options
	flag.StringVar(&o.binary, "hub", "", "hapi binary to start as a hub with an empty data directory")
	flag.StringVar(&o.url, "url", "", "address of a running hub instead")
	flag.StringVar(&o.token, "token", "", "access token of the running hub")
	flag.IntVar(&o.pid, "pid", 0, "process id of the running hub, to account for its CPU and memory")
	flag.StringVar(&o.jsonPath, "json", "", "also write the results to this file as JSON")
	flag.StringVar(&o.only, "only", "", "run only the scenarios whose name contains this")
	flag.Float64Var(&o.seconds, "seconds", 4, "how long each load lasts")
	flag.Float64Var(&o.settle, "settle", 3, "seconds to wait before memory of idle connections is read; a hub's collector looks every two minutes")
	flag.IntVar(&o.idle, "idle", 1000, "how many idle connections to open")
	flag.IntVar(&o.sessions, "sessions", 1000, "how many sessions the list has")
	flag.IntVar(&o.watchers, "watchers", 200, "how many watchers the largest fan-out has")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenario measures one kind of work and gives a row for each variant of it.
type scenario struct {
	name    string
	measure func(ctx context.Context, h *target, o options) ([]row, error)
}

var scenarios = []scenario{
	{"start", measureStart},
	{"ingest", measureIngest},
	{"fan-out", measureFanOut},
	{"page", measurePages},
	{"busy page", measureBusyPages},
	{"list", measureList},
	{"resume", measureResume},
	{"idle sockets", measureIdleSockets},
	{"idle watchers", measureIdleWatchers},
	{"wrapper", measureWrapper},
}

func run(ctx context.Context, o options) error {
	rows, err := measure(ctx, o)
	if err != nil || o.jsonPath == "" {
		return err
	}
	raw, err := json.MarshalIndent(map[string]any{"at": time.Now().UTC().Format(time.RFC3339), "results": rows}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.jsonPath, append(raw, '\n'), 0o644)
}

// measure runs the scenarios and prints each row as it comes.
func measure(ctx context.Context, o options) (rows []row, err error) {
	if (o.binary == "") == (o.url == "") {
		return nil, errors.New("give either -hub or -url")
	}
	fmt.Println(tableHead)
	for _, s := range scenarios {
		if !strings.Contains(s.name, o.only) {
			continue
		}
		found, err := measureAlone(ctx, s, o)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range found {
			fmt.Println(r)
		}
		rows = append(rows, found...)
	}
	return rows, nil
}

// measureAlone gives each scenario a fresh hub, so that none pays for another's
// rows and caches. A running hub is taken as it is.
func measureAlone(ctx context.Context, s scenario, o options) ([]row, error) {
	h := &target{url: strings.TrimRight(o.url, "/"), token: o.token, pid: o.pid}
	if o.binary != "" {
		started, err := startHub(ctx, o.binary)
		if err != nil {
			return nil, err
		}
		defer started.stop()
		h = started
	}
	return s.measure(ctx, h, o)
}
