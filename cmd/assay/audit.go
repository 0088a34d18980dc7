package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pki/assay/api/client"
	v1 "github.com/assay-pki/assay/api/v1"
	"github.com/assay-pki/assay/store/audit"
)

func newAudit(a *app) *cobra.Command {
	return group("audit", "The tamper-evident log", newAuditLog(a), newAuditVerify(a), newAuditExport(a))
}

func newAuditLog(a *app) *cobra.Command {
	var filter client.EventFilter
	var limit int
	c := &cobra.Command{
		Use: "log", Short: "List events; -o jsonl for programs", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.auditLog(cmd.Context(), filter, limit)
		},
	}
	c.Flags().Uint64Var(&filter.After, "after", 0, "events after this `sequence` number, the oldest first")
	c.Flags().StringVar(&filter.Name, "name", "", "events of this `name`, as device.held")
	c.Flags().StringVar(&filter.Object, "object", "", "events of this `object`, as PRODUCT/SERIAL")
	c.Flags().IntVar(&limit, "limit", defaultListLimit, "show at most so many, without --after the newest; 0: all")
	return c
}

func eventColumns() []string {
	return []string{"seq", "time", "event", "actor", "object", "reason", "serial", "count", "detail"}
}

func eventCells(e v1.Event) (string, []string) {
	count := ""
	if e.Count > 0 {
		count = fmt.Sprint(e.Count)
	}
	return fmt.Sprint(e.Seq), []string{
		fmt.Sprint(e.Seq), when(e.Time), e.Name, e.Actor, e.Object, e.Reason, e.Serial, count, details(e.Detail),
	}
}

// auditLog shows the newest events, unless --after names where to begin.
func (a *app) auditLog(ctx context.Context, filter client.EventFilter, limit int) error {
	api, err := a.connect()
	if err != nil {
		return err
	}
	defer api.Close()
	columns, row := eventColumns(), eventCells
	if filter.After > 0 || limit <= 0 {
		return showList(a, api.Events(ctx, filter), limit, columns, row)
	}
	if filter.Name == "" && filter.Object == "" {
		head, err := api.Checkpoint(ctx)
		if err != nil {
			return err
		}
		if head.Size > int64(limit) {
			filter.After = uint64(head.Size) - uint64(limit)
		}
	}
	newest, err := tail(api.Events(ctx, filter), limit)
	if err != nil {
		return err
	}
	return showList(a, newest, limit, columns, row)
}

// details are an event's other facts, in a fixed order.
func details(facts map[string]string) string {
	words := make([]string, 0, len(facts))
	for _, name := range sortedKeys(facts) {
		words = append(words, name+"="+facts[name])
	}
	return strings.Join(words, " ")
}

func newAuditVerify(a *app) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "verify [EXPORT]",
		Short: "Prove that no record was changed, cut or reordered; read-only",
		Long:  helpAuditVerify,
		Args:  atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.auditVerify(cmd.Context(), args, key)
		},
	}
	c.Flags().StringVar(&key, "key", "", "`FILE` with the log's public key, kept where the log's holder can't change it")
	return c
}

// verified is what audit verify says as JSON.
type verified struct {
	OK     bool   `json:"ok"`
	Origin string `json:"origin"`
	// Records are covered by the signed checkpoint, Beyond are not yet.
	Records int64  `json:"records"`
	Beyond  uint64 `json:"beyond"`
	Root    string `json:"root"`
	// KeyGiven: the log's key came from --key and not from beside the log.
	KeyGiven bool `json:"key_given"`
}

func (a *app) auditVerify(ctx context.Context, args []string, keyFile string) error {
	vkey := ""
	if keyFile != "" {
		text, err := a.readSmall(keyFile, maxSmallFile)
		if err != nil {
			return err
		}
		vkey = strings.TrimSpace(string(text))
	}
	var report audit.Report
	var err error
	if len(args) == 1 {
		report, err = audit.VerifyExport(ctx, args[0], vkey)
	} else {
		report, err = a.verifyLog(ctx, vkey)
	}
	if err != nil {
		return failAudit(err)
	}
	if vkey == "" {
		a.say.ownKey()
	}
	at := report.Checkpoint
	v := verified{OK: true, Origin: at.Origin, Records: at.Size, Beyond: report.Beyond, Root: at.Root.String(), KeyGiven: vkey != ""}
	return a.show(object(
		v, "ok", "log", "ok", "origin", v.Origin, "records", fmt.Sprint(v.Records),
		"beyond the checkpoint", fmt.Sprint(v.Beyond), "root", v.Root,
	))
}

// verifyLog verifies the directory's store. While a node holds it, the node
// gives a copy; the copy is judged by the same key, so the node is not believed.
func (a *app) verifyLog(ctx context.Context, vkey string) (audit.Report, error) {
	db, err := a.openStore(ctx)
	if errors.Is(err, errStoreInUse) {
		return a.verifyCopy(ctx, vkey)
	}
	if err != nil {
		return audit.Report{}, err
	}
	defer db.Close()
	if vkey == "" {
		authority, err := db.Authority(ctx)
		if err != nil {
			return audit.Report{}, fmt.Errorf("read the log's key: %w", err)
		}
		vkey = authority.LogKey
	}
	return audit.Verify(ctx, db, vkey)
}

func (a *app) verifyCopy(ctx context.Context, vkey string) (audit.Report, error) {
	a.say.detail("the node holds the store: verifying a copy that it gives")
	dir, err := os.MkdirTemp("", "assay-audit-")
	if err != nil {
		return audit.Report{}, fmt.Errorf("make a directory for the copy: %w", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "export")
	if _, err := a.exportFromNode(ctx, out); err != nil {
		return audit.Report{}, err
	}
	return audit.VerifyExport(ctx, out, vkey)
}

func newAuditExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "export DIR", Short: "Write a copy of the log that verify can prove", Args: wants("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := a.auditExport(cmd.Context(), args[0])
			if err != nil {
				return failAudit(err)
			}
			a.say.exported(args[0])
			at := report.Checkpoint
			v := exported{Directory: args[0], Origin: at.Origin, Records: at.Size, Beyond: report.Beyond, Root: at.Root.String()}
			return a.show(object(
				v, args[0], "directory", v.Directory, "origin", v.Origin, "records", fmt.Sprint(v.Records),
				"beyond the checkpoint", fmt.Sprint(v.Beyond), "root", v.Root,
			))
		},
	}
}

// exported is what audit export says as JSON.
type exported struct {
	Directory string `json:"directory"`
	Origin    string `json:"origin"`
	Records   int64  `json:"records"`
	Beyond    uint64 `json:"beyond"`
	Root      string `json:"root"`
}

// auditExport copies the log from the node, or from the store of a directory
// whose node is down.
func (a *app) auditExport(ctx context.Context, dir string) (audit.Report, error) {
	if a.flags.context == "" && a.flags.server == "" {
		db, err := a.openStore(ctx)
		if err == nil {
			defer db.Close()
			authority, err := db.Authority(ctx)
			if err != nil {
				return audit.Report{}, fmt.Errorf("read the log's key: %w", err)
			}
			return audit.Export(ctx, db, authority.LogKey, dir)
		}
		if !errors.Is(err, errStoreInUse) && exists(filepath.Join(a.flags.dir, configName)) {
			return audit.Report{}, err
		}
	}
	return a.exportFromNode(ctx, dir)
}

func (a *app) exportFromNode(ctx context.Context, dir string) (audit.Report, error) {
	api, err := a.connect()
	if err != nil {
		return audit.Report{}, err
	}
	defer api.Close()
	head, err := api.Checkpoint(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	log := newNodeLog(api, head)
	defer log.close()
	return audit.Export(ctx, log, head.LogKey, dir)
}
