package clients

import (
	"context"

	"google.golang.org/grpc"

	filesv1 "kontor.internal/proto/gen/kontor/files/v1"
	typev1 "kontor.internal/proto/gen/kontor/type/v1"
	"kontor.internal/services/contacts/internal/lead"
	"kontor.internal/services/contacts/internal/record"
)

// Files carries over the files of converted leads.
type Files struct {
	client filesv1.FilesServiceClient
}

// NewFiles returns a client of the files service.
func NewFiles(conn grpc.ClientConnInterface) *Files {
	return &Files{client: filesv1.NewFilesServiceClient(conn)}
}

// Carry gives a record copies of a lead's files. Called again it adds only what was not copied yet. It returns refused if
// trying again cannot help, and err if it can.
func (f *Files) Carry(ctx context.Context, leadID string, to lead.Place) (refused, err error) {
	_, err = f.client.CopyFiles(ctx, &filesv1.CopyFilesRequest{
		From: &typev1.Ref{Kind: string(record.Lead), Id: leadID}, To: &typev1.Ref{Kind: string(to.Kind), Id: to.ID},
		RequestId: "lead/" + leadID + "/" + to.ID,
	})
	if err != nil && lasting(err) {
		return err, nil
	}
	return nil, err
}
