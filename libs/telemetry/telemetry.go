// Package telemetry sets tracing up: OpenTelemetry with an OTLP exporter where an endpoint is configured, and next to
// nothing where none is.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// shutdownTimeout bounds the last export: with no collector answering, a stop must not hang.
const shutdownTimeout = 2 * time.Second

// Config says where traces go.
type Config struct {
	// Service and Version name the process in traces.
	Service, Version string
	// Endpoint is the OTLP collector's gRPC address as a URL, such as "http://collector:4317"; the usual environment
	// name for it is OTEL_EXPORTER_OTLP_ENDPOINT. Empty: nothing is recorded or exported.
	Endpoint string
	// SampleRatio is the share of new traces that are recorded; 1 if zero. Traces begun elsewhere keep the decision
	// made there.
	SampleRatio float64
	// Log gets what the exporter complains about.
	Log *slog.Logger
}

// Telemetry is the tracing of a process. The nil pointer is tracing switched off.
type Telemetry struct {
	provider *sdktrace.TracerProvider
}

// Setup returns the tracing of the process and makes it the process-wide default that pgx, Redis and HTTP
// instrumentation use. It does not wait for the collector.
func Setup(ctx context.Context, c Config) (*Telemetry, error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if c.Endpoint == "" {
		return &Telemetry{}, nil
	}
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(c.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("trace exporter: %w", err)
	}
	ratio := c.SampleRatio
	if ratio == 0 {
		ratio = 1
	}
	t := &Telemetry{provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", c.Service),
			attribute.String("service.version", c.Version),
		)),
	)}
	otel.SetTracerProvider(t.provider)
	if c.Log != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			c.Log.WarnContext(ctx, "telemetry", "error", err)
		}))
	}
	return t, nil
}

// Enabled reports whether traces are recorded.
func (t *Telemetry) Enabled() bool { return t != nil && t.provider != nil }

// TracerProvider makes tracers; they record nothing when tracing is off.
func (t *Telemetry) TracerProvider() trace.TracerProvider {
	if !t.Enabled() {
		return noop.NewTracerProvider()
	}
	return t.provider
}

// ServerOptions are the options of a gRPC server that traces its calls; none when tracing is off.
func (t *Telemetry) ServerOptions() []grpc.ServerOption {
	if !t.Enabled() {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(t.ServerHandler())}
}

// ServerHandler traces calls where they arrive. Only for tracing that is switched on.
func (t *Telemetry) ServerHandler() stats.Handler {
	return otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithPropagators(propagation.TraceContext{}))
}

// ClientHandler traces calls where they are made. Only for tracing that is switched on.
func (t *Telemetry) ClientHandler() stats.Handler {
	return otelgrpc.NewClientHandler(otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithPropagators(propagation.TraceContext{}))
}

// DialOptions are the options of a gRPC client that traces its calls; none when tracing is off.
func (t *Telemetry) DialOptions() []grpc.DialOption {
	if !t.Enabled() {
		return nil
	}
	return []grpc.DialOption{grpc.WithStatsHandler(t.ClientHandler())}
}

// Run is a component that waits for ctx and then exports what is left, within 2 s. Put it first, so that it stops last.
func (t *Telemetry) Run(ctx context.Context) error {
	<-ctx.Done()
	return t.Shutdown(context.WithoutCancel(ctx))
}

// Shutdown exports what is left, within 2 s. Spans that no collector takes by then are lost, which is no failure of
// the process.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if !t.Enabled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	err := t.provider.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("telemetry shutdown: %w", err)
	}
	return nil
}
