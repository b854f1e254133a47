package aip_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/typepb"

	"kontor.internal/libs/aip"
)

func TestUpdateMasks(t *testing.T) {
	t.Parallel()
	allowed := []string{"name", "oneofs", "source_context"}
	src := &typepb.Type{Name: "new", Syntax: typepb.Syntax_SYNTAX_PROTO3, SourceContext: &sourcecontextpb.SourceContext{FileName: "f"}}
	for name, c := range map[string]struct {
		mask []string
		want []string
	}{
		"without a mask, what is set and allowed": {nil, []string{"name", "source_context"}},
		"all that is allowed":                     {[]string{"*"}, allowed},
		"named, even if empty":                    {[]string{"oneofs", "oneofs"}, []string{"oneofs"}},
		"a part":                                  {[]string{"source_context.file_name"}, []string{"source_context.file_name"}},
	} {
		m, err := aip.UpdateMask(&fieldmaskpb.FieldMask{Paths: c.mask}, src, allowed...)
		require.NoError(t, err, name)
		require.Equal(t, c.want, m.Paths(), name)
	}
	for _, bad := range []string{"syntax", "nope", "name.x", "", "source_context.nope"} {
		_, err := aip.UpdateMask(&fieldmaskpb.FieldMask{Paths: []string{bad}}, src, allowed...)
		require.ErrorIs(t, err, aip.ErrUpdateMask, bad)
	}

	dst := &typepb.Type{Name: "old", Oneofs: []string{"kept"}, Syntax: typepb.Syntax_SYNTAX_EDITIONS}
	m, err := aip.UpdateMask(nil, src, allowed...)
	require.NoError(t, err)
	require.True(t, m.Has("name"))
	require.True(t, m.Has("source_context.file_name"))
	require.False(t, m.Has("oneofs"))
	m.Apply(dst, src)
	require.True(t, proto.Equal(&typepb.Type{
		Name: "new", Oneofs: []string{"kept"}, Syntax: typepb.Syntax_SYNTAX_EDITIONS, SourceContext: src.GetSourceContext(),
	}, dst))
	m, err = aip.UpdateMask(nil, &typepb.Type{}, allowed...)
	require.NoError(t, err)
	require.True(t, m.Empty())
	m.Apply(dst, &typepb.Type{Edition: "not applied"})
	require.Empty(t, dst.GetEdition())
}

func TestEtags(t *testing.T) {
	t.Parallel()
	for etag, want := range map[string]int64{"": 0, "*": 0, "v5": 5, `"v5"`: 5, ` W/"v12" `: 12, aip.Etag(7): 7} {
		got, err := aip.Version(etag)
		require.NoError(t, err, etag)
		require.Equal(t, want, got, etag)
	}
	for _, bad := range []string{"5", "v", "v0", "v-1", "vx", "v5x", "vv5"} {
		_, err := aip.Version(bad)
		require.ErrorIs(t, err, aip.ErrEtag, bad)
	}
}
