package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// Collection is the path of the records of a kind, such as "companies" for "company".
func Collection(kind string) string {
	switch kind {
	case "company":
		return "companies"
	case "price_type":
		return "priceTypes"
	}
	return kind + "s"
}

// Operation is work that outlives a request, as the API tells of it.
type Operation struct {
	ID            string      `json:"id"`
	State         string      `json:"state"`
	Done          int64       `json:"done,string"`
	Total         int64       `json:"total,string"`
	Rejected      int64       `json:"rejected,string"`
	Errors        []Rejection `json:"errors"`
	RejectsFileID string      `json:"rejectsFileId"`
	Error         string      `json:"error"`
	Result        struct {
		Created float64 `json:"created"`
		Updated float64 `json:"updated"`
		Skipped float64 `json:"skipped"`
	} `json:"result"`
	EndTime string `json:"endTime"`
}

// Rejection says why a row was refused.
type Rejection struct {
	Line    int64  `json:"line,string"`
	Field   string `json:"field"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ErrFailed is an operation that ended without success.
var ErrFailed = errors.New("the operation failed")

type operationAnswer struct {
	Operation Operation `json:"operation"`
}

// Import uploads a file, imports it by a mapping and follows the operation to its end. told is called with each news of
// it. It returns ErrFailed, with the reason, if the import as a whole failed or was cancelled.
func (c *Client) Import(ctx context.Context, kind, mapping, name string, dryRun bool, open func() (io.ReadCloser, error), told func(Operation),
) (Operation, error) {
	fileID, err := c.Upload(ctx, name, open)
	if err != nil {
		return Operation{}, fmt.Errorf("upload %s: %w", name, err)
	}
	var out operationAnswer
	if err := c.Post(ctx, "/v1/"+Collection(kind)+":import", Object{"fileId": fileID, "mapping": mapping, "dryRun": dryRun}, &out); err != nil {
		return Operation{}, err
	}
	op := out.Operation
	for pause := 50 * time.Millisecond; op.EndTime == ""; pause = min(2*pause, time.Second) {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return op, ctx.Err()
		case <-t.C:
		}
		var out operationAnswer
		if err := c.Get(ctx, "/v1/operations/"+url.PathEscape(op.ID), nil, &out); err != nil {
			return op, err
		}
		if out.Operation.Done != op.Done {
			pause = 50 * time.Millisecond
		}
		op = out.Operation
		told(op)
	}
	if op.State != "STATE_SUCCEEDED" {
		return op, fmt.Errorf("%w: %s %s", ErrFailed, op.State, op.Error)
	}
	return op, nil
}

// Each calls do with the records of a list, page by page. Records that do deletes do no harm: pages go by the key of the
// last record, not by its number.
func (c *Client) Each(ctx context.Context, collection, filter string, do func(Object) error) error {
	token := ""
	for {
		var page map[string]any
		q := url.Values{"pageSize": {"200"}}
		if filter != "" {
			q.Set("filter", filter)
		}
		if token != "" {
			q.Set("pageToken", token)
		}
		if err := c.Get(ctx, "/v1/"+collection, q, &page); err != nil {
			return err
		}
		list, _ := page[collection].([]any)
		for _, r := range list {
			rec, _ := r.(Object)
			if err := do(rec); err != nil {
				return err
			}
		}
		if token, _ = page["nextPageToken"].(string); token == "" {
			return nil
		}
	}
}
