package config_test

import (
	"bytes"
	"errors"
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kontor.internal/libs/config"
)

type database struct {
	URL      string `env:"POSTGRES_URL" secret:"true" help:"where the database is"`
	MaxConns int32  `env:"POSTGRES_CONNS" default:"16" help:"size of the pool"`
}

type settings struct {
	Addr     string        `env:"HTTP_ADDR" flag:"http-addr" default:"127.0.0.1:8080" help:"address to listen on"`
	Brokers  []string      `env:"KAFKA_BROKERS" help:"host:port, separated by commas"`
	Drain    time.Duration `env:"DRAIN" flag:"drain" default:"5s" help:"how long to go on serving"`
	Debug    bool          `flag:"debug" help:"log more"`
	Ratio    float64       `env:"RATIO" default:"0.5" help:"share"`
	Level    slog.Level    `env:"LOG_LEVEL" default:"info" help:"least level"`
	Redis    string        `env:"REDIS_URL" help:"where Redis is"`
	Database database
	Ignored  map[string]string
}

func (s *settings) Validate() error {
	if s.Drain < 0 {
		return errors.New("drain must not be negative")
	}
	return nil
}

func env(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestLoad(t *testing.T) {
	t.Parallel()
	defaults := settings{
		Addr: "127.0.0.1:8080", Drain: 5 * time.Second, Ratio: 0.5, Database: database{MaxConns: 16},
	}
	with := func(f func(*settings)) settings {
		s := defaults
		f(&s)
		return s
	}
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want settings
		rest []string
	}{
		{name: "defaults", want: defaults},
		{
			name: "the environment outweighs defaults",
			env:  map[string]string{"KONTOR_HTTP_ADDR": ":80", "KONTOR_POSTGRES_URL": "postgres://x", "KONTOR_LOG_LEVEL": "warn"},
			want: with(func(s *settings) { s.Addr, s.Database.URL, s.Level = ":80", "postgres://x", slog.LevelWarn }),
		},
		{
			name: "flags outweigh the environment",
			env:  map[string]string{"KONTOR_HTTP_ADDR": ":80", "KONTOR_DRAIN": "1s"}, args: []string{"--http-addr=:81", "--debug", "--drain", "2m", "deals", "x"},
			want: with(func(s *settings) { s.Addr, s.Debug, s.Drain = ":81", true, 2*time.Minute }), rest: []string{"deals", "x"},
		},
		{
			name: "lists are separated by commas",
			env:  map[string]string{"KONTOR_KAFKA_BROKERS": "a:1, b:2,,"},
			want: with(func(s *settings) { s.Brokers = []string{"a:1", "b:2"} }),
		},
		{name: "an empty value in the environment is none", env: map[string]string{"KONTOR_HTTP_ADDR": ""}, want: defaults},
		{name: "a bool can be switched off", args: []string{"--debug=false"}, want: defaults},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got settings
			rest, err := config.Load(&got, config.Source{Prefix: "KONTOR_", Env: env(tt.env), Args: tt.args})
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.ElementsMatch(t, tt.rest, rest)
		})
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want []string
	}{
		{"everything at once", map[string]string{"DRAIN": "soon", "POSTGRES_CONNS": "many", "RATIO": "half", "LOG_LEVEL": "loud"}, nil, []string{"DRAIN", "not a duration", "POSTGRES_CONNS", "RATIO", "LOG_LEVEL"}},
		{"a number out of range", map[string]string{"POSTGRES_CONNS": "3000000000"}, nil, []string{"not a whole number in range"}},
		{"an unknown flag", nil, []string{"--nope"}, []string{"nope"}},
		{"a flag's value", nil, []string{"--drain=x"}, []string{"drain", "not a duration"}},
		{"what the struct itself refuses", nil, []string{"--drain=-1s"}, []string{"drain must not be negative"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got settings
			_, err := config.Load(&got, config.Source{Env: env(tt.env), Args: tt.args})
			for _, w := range tt.want {
				require.ErrorContains(t, err, w)
			}
		})
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	var cfg struct {
		Secret string `env:"SECRET" flag:"secret" required:"true" secret:"true" help:"shared by services"`
		Number int    `env:"NUMBER" secret:"true"`
	}
	_, err := config.Load(&cfg, config.Source{Env: env(nil)})
	require.ErrorContains(t, err, "SECRET (--secret) is required: shared by services")
	_, err = config.Load(&cfg, config.Source{Args: []string{"--secret=x"}})
	require.NoError(t, err)
	_, err = config.Load(&cfg, config.Source{Env: env(map[string]string{"SECRET": "x", "NUMBER": "hunter2"})})
	require.ErrorContains(t, err, "NUMBER")
	require.NotContains(t, err.Error(), "hunter2")
}

type common struct {
	Addr string `env:"ADDR" default:":80"`
}

// A struct that is embedded brings its fields, exported itself or not.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	var cfg struct {
		common

		Name string `env:"NAME"`
	}
	_, err := config.Load(&cfg, config.Source{Env: env(map[string]string{"NAME": "x"})})
	require.NoError(t, err)
	require.Equal(t, ":80", cfg.Addr)
	require.Equal(t, "x", cfg.Name)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var cfg settings
	_, err := config.Load(&cfg, config.Source{Name: "deals", Prefix: "KONTOR_", Args: []string{"--help"}, Output: &out})
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, out.String(), "Usage of deals:")
	require.Regexp(t, `--http-addr +KONTOR_HTTP_ADDR +address to listen on \(default 127.0.0.1:8080\)`, out.String())
}

func TestFieldsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	var cfg struct {
		C chan int `env:"C"`
	}
	_, err := config.Load(&cfg, config.Source{})
	require.ErrorContains(t, err, "field C has type chan int")
	_, err = config.Load(cfg, config.Source{})
	require.ErrorContains(t, err, "pointer to a struct")
}
