module kontor.internal/services/gateway

go 1.26.0

require (
	github.com/klauspost/compress v1.20.3
	github.com/rs/cors v1.11.1
	github.com/sony/gobreaker/v2 v2.4.0
	go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp v0.72.0
	kontor.internal/libs v0.0.0
	kontor.internal/proto v0.0.0
)

replace (
	kontor.internal/libs => ../../libs
	kontor.internal/proto => ../../proto
)
