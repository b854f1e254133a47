package grpcserver

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// metrics are rate, errors and duration by method. Everything a call needs is looked up once per method.
type metrics struct {
	handled  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	if r == nil {
		return nil, nil
	}
	m := &metrics{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kontor_rpc_handled_total", Help: "Calls that ended, by status code.",
		}, []string{"service", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kontor_rpc_duration_seconds", Help: "How long calls took; streams from their begin to their end.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"service", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kontor_rpc_in_flight", Help: "Calls that are being handled.",
		}),
	}
	for _, c := range []prometheus.Collector{m.handled, m.duration, m.inFlight} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("grpcserver: metrics: %w", err)
		}
	}
	return m, nil
}

// observer are the metrics of one method; the zero value keeps none.
type observer struct {
	codes    [numCodes]prometheus.Counter
	duration prometheus.Observer
	inFlight prometheus.Gauge
}

func (m *metrics) method(service, name string) observer {
	if m == nil {
		return observer{}
	}
	o := observer{duration: m.duration.WithLabelValues(service, name), inFlight: m.inFlight}
	for c := range o.codes {
		o.codes[c] = m.handled.WithLabelValues(service, name, codes.Code(c).String())
	}
	return o
}

func (o *observer) begin() {
	if o.inFlight != nil {
		o.inFlight.Inc()
	}
}

func (o *observer) end(c codes.Code, took time.Duration) {
	if o.inFlight == nil {
		return
	}
	o.inFlight.Dec()
	o.duration.Observe(took.Seconds())
	if int(c) < len(o.codes) {
		o.codes[c].Inc()
	}
}
