package process_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"kontor.internal/libs/broker"
	"kontor.internal/libs/process"
	"kontor.internal/libs/runner"
	"kontor.internal/libs/testkit"
)

func TestProcessServesUntilToldToStop(t *testing.T) {
	brokers := testkit.Kafka(t)
	testkit.CreateTopic(t, brokers, broker.DirectoryTopic, broker.DefaultPartitions, "cleanup.policy=compact")
	cfg := process.Config{
		GRPCAddr: freeAddr(t), AdminAddr: freeAddr(t), Brokers: brokers, RedisURL: testkit.RedisURL(t), LogLevel: "error",
		ServiceSecret: "shared",
	}
	p, err := process.Open(t.Context(), "deals", cfg, process.Options{Output: io.Discard, Keys: noKeys, Local: []string{"deals"}})
	require.NoError(t, err)
	broken := errors.New("not yet")
	p.Need("something", func(context.Context) error { return broken })

	var order []string
	component := func(name string) runner.Component {
		return runner.Component{Name: name, Run: func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, name)
			return nil
		}}
	}
	p.Front = append(p.Front, component("front"))
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx, component("relay")) }()

	testkit.Eventually(t, func() error { return status("http://"+cfg.AdminAddr+"/healthz", http.StatusOK) })
	require.NoError(t, status("http://"+cfg.AdminAddr+"/readyz", http.StatusServiceUnavailable))

	conn, err := p.Dial("deals")
	require.NoError(t, err)
	res, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err, "what is local is reached")
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, res.GetStatus())
	again, err := p.Dial("deals")
	require.NoError(t, err)
	require.Same(t, conn, again)

	stop()
	require.NoError(t, <-ran)
	require.Equal(t, []string{"front", "relay"}, order, "what calls us stops first")
	require.NoError(t, p.Close(t.Context()))
}

func TestOpenSaysWhatIsWrongWithoutSecrets(t *testing.T) {
	t.Parallel()
	_, err := process.Open(t.Context(), "deals", process.Config{LogLevel: "loud"}, process.Options{Keys: noKeys})
	require.ErrorContains(t, err, "loud")
	_, err = process.Open(t.Context(), "deals", process.Config{LogLevel: "info"}, process.Options{Keys: noKeys})
	require.ErrorContains(t, err, "KONTOR_KAFKA_BROKERS")
	require.ErrorContains(t, err, "KONTOR_SERVICE_SECRET")
	_, err = process.Open(t.Context(), "deals", process.Config{
		LogLevel: "info", RedisURL: "postgres://u:secret@h", Brokers: []string{"kafka:9092"}, ServiceSecret: "shared",
	}, process.Options{Keys: noKeys})
	require.ErrorContains(t, err, "KONTOR_REDIS_URL")
	require.NotContains(t, err.Error(), "secret")
}

// Inside a cluster a service is found by its name; where it is not, the operator says where it is.
func TestNeighboursAreWhereTheOperatorSays(t *testing.T) {
	t.Parallel()
	p, err := process.Open(t.Context(), "deals", process.Config{
		LogLevel: "error", Brokers: []string{"kafka:9092"}, ServiceSecret: "shared", GRPCAddr: "127.0.0.1:1234",
		Neighbours: []string{"catalog=127.0.0.1:9", "deals=elsewhere:9090"},
	}, process.Options{Keys: noKeys, Output: io.Discard, Local: []string{"deals"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(t.Context())) }()
	for service, want := range map[string]string{
		"catalog": "dns:///127.0.0.1:9", "contacts": "dns:///contacts:9090",
	} {
		conn, err := p.Dial(service)
		require.NoError(t, err)
		cc, ok := conn.(*grpc.ClientConn)
		require.True(t, ok)
		require.Equal(t, want, cc.Target())
	}
	conn, err := p.Dial("deals")
	require.NoError(t, err)
	_, dialled := conn.(*grpc.ClientConn)
	require.False(t, dialled, "what is local is not reached over the network")
}

func noKeys(context.Context, grpc.ClientConnInterface) ([]byte, error) {
	return []byte(`{"keys":[]}`), nil
}

func status(url string, want int) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != want {
		return errors.New(res.Status)
	}
	return nil
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, ln.Close()) }()
	return ln.Addr().String()
}
