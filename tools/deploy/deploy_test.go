// Package deploy checks the manifests of deploy/k8s and docker-compose.yml with the libraries that read them for real.
package deploy

import (
	"context"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const root = "../../"

func services() []string {
	return []string{"catalog", "contacts", "deals", "files", "gateway", "identity", "reporting"}
}

// build renders a kustomization and decodes each object strictly into its own type: a misspelt field is an error.
func build(t *testing.T, folder string) []runtime.Object {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+folder)
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme} {
		require.NoError(t, add(scheme))
	}
	decode := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var out []runtime.Object
	for _, r := range rendered.Resources() {
		raw, err := r.AsYAML()
		require.NoError(t, err)
		obj, _, err := decode.Decode(raw, nil, nil)
		require.NoError(t, err, string(raw))
		out = append(out, obj)
	}
	return out
}

func TestBaseHasEveryService(t *testing.T) {
	deployments, jobs := map[string]*appsv1.Deployment{}, map[string]*batchv1.Job{}
	for _, o := range build(t, "deploy/k8s/base") {
		switch o := o.(type) {
		case *appsv1.Deployment:
			deployments[o.Name] = o
		case *batchv1.Job:
			jobs[o.Name] = o
		}
	}
	for _, s := range services() {
		d := deployments[s]
		require.NotNil(t, d, s)
		restricted(t, d.Spec.Template.Spec)
		for _, c := range d.Spec.Template.Spec.Containers {
			require.NotNil(t, c.ReadinessProbe, s)
			require.NotNil(t, c.LivenessProbe, s)
			require.NotEmpty(t, c.Resources.Requests, s)
		}
		if s == "gateway" {
			continue // has no database
		}
		require.NotNil(t, jobs[s+"-migrate"], s)
		restricted(t, jobs[s+"-migrate"].Spec.Template.Spec)
	}
}

// restricted is what the pod security standard of that name asks for.
func restricted(t *testing.T, p corev1.PodSpec) {
	t.Helper()
	require.True(t, *p.SecurityContext.RunAsNonRoot)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, p.SecurityContext.SeccompProfile.Type)
	require.False(t, *p.AutomountServiceAccountToken)
	for _, c := range p.Containers {
		require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
		require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
		require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	}
}

// Every environment source of the base has its object in the example overlay.
func TestExampleBringsWhatTheBaseAsksFor(t *testing.T) {
	have := map[string]bool{}
	objects := build(t, "deploy/k8s/overlays/example")
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Secret:
			have["secret "+o.Name] = true
		case *corev1.ConfigMap:
			have["configmap "+o.Name] = true
		}
	}
	asked := 0
	for _, o := range objects {
		var p corev1.PodSpec
		switch o := o.(type) {
		case *appsv1.Deployment:
			p = o.Spec.Template.Spec
		case *batchv1.Job:
			p = o.Spec.Template.Spec
		}
		for _, c := range p.Containers {
			for _, from := range c.EnvFrom {
				asked++
				if from.SecretRef != nil {
					require.True(t, have["secret "+from.SecretRef.Name], from.SecretRef.Name)
				} else {
					require.True(t, have["configmap "+from.ConfigMapRef.Name], from.ConfigMapRef.Name)
				}
			}
		}
	}
	require.NotZero(t, asked)
}

// needs are what services refuse to start without; services/suite/internal/separate holds the same list against the
// binaries.
func needs() map[string][]string {
	n := map[string][]string{
		"identity": {"KONTOR_IDENTITY_SECRET"}, "files": {"KONTOR_FILES_SECRET", "KONTOR_BLOB_URL"}, "gateway": {"KONTOR_REDIS_URL"},
	}
	for _, s := range services() {
		n[s] = append(n[s], "KONTOR_KAFKA_BROKERS", "KONTOR_SERVICE_SECRET")
		if s != "gateway" {
			n[s] = append(n[s], "KONTOR_POSTGRES_URL")
		}
	}
	return n
}

// What a container of the example gets, from its own environment and from the objects it names, is what the service
// refuses to start without, and its migration knows the owner's address.
func TestExampleSetsWhatServicesNeed(t *testing.T) {
	objects := build(t, "deploy/k8s/overlays/example")
	set := map[string]map[string]bool{}
	note := func(object, key string) {
		if set[object] == nil {
			set[object] = map[string]bool{}
		}
		set[object][key] = true
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Secret:
			for key := range o.Data {
				note("secret "+o.Name, key)
			}
		case *corev1.ConfigMap:
			for key := range o.Data {
				note("configmap "+o.Name, key)
			}
		}
	}
	gets := func(p corev1.PodSpec) map[string]bool {
		out := map[string]bool{}
		for _, e := range p.Containers[0].Env {
			out[e.Name] = true
		}
		for _, from := range p.Containers[0].EnvFrom {
			object := "configmap "
			if from.SecretRef != nil {
				object = "secret " + from.SecretRef.Name
			} else {
				object += from.ConfigMapRef.Name
			}
			maps.Copy(out, set[object])
		}
		return out
	}
	need, checked := needs(), 0
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			for _, key := range need[o.Name] {
				require.True(t, gets(o.Spec.Template.Spec)[key], "%s: %s", o.Name, key)
				checked++
			}
		case *batchv1.Job:
			have := gets(o.Spec.Template.Spec)
			require.True(t, have["KONTOR_POSTGRES_OWNER_URL"], o.Name)
			require.False(t, have["KONTOR_SERVICE_SECRET"], "%s: what it does not need", o.Name)
		}
	}
	require.Equal(t, 24, checked)
}

// The operator's Job finds everything in the objects that the services read, and may do no more than they.
func TestOperatorsJob(t *testing.T) {
	raw, err := os.ReadFile(root + "deploy/k8s/operate.yaml")
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	require.NoError(t, batchv1.AddToScheme(scheme))
	obj, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(raw, nil, nil)
	require.NoError(t, err)
	job, ok := obj.(*batchv1.Job)
	require.True(t, ok)
	restricted(t, job.Spec.Template.Spec)

	have := map[string]bool{}
	for _, o := range build(t, "deploy/k8s/overlays/example") {
		switch o := o.(type) {
		case *corev1.Secret:
			for key := range o.Data {
				have[o.Name+" "+key] = true
			}
		case *corev1.ConfigMap:
			for key := range o.Data {
				have[o.Name+" "+key] = true
			}
		}
	}
	set := map[string]bool{}
	for _, e := range job.Spec.Template.Spec.Containers[0].Env {
		set[e.Name] = true
		switch from := e.ValueFrom; {
		case from == nil:
			require.NotEmpty(t, e.Value, e.Name)
		case from.SecretKeyRef != nil:
			require.True(t, have[from.SecretKeyRef.Name+" "+from.SecretKeyRef.Key], e.Name)
		default:
			require.True(t, have[from.ConfigMapKeyRef.Name+" "+from.ConfigMapKeyRef.Key], e.Name)
		}
	}
	for _, s := range services() {
		if s != "gateway" {
			require.True(t, set["KONTOR_"+strings.ToUpper(s)+"_POSTGRES_URL"], s)
		}
	}
	for _, name := range []string{"KONTOR_SEPARATE", "KONTOR_KAFKA_BROKERS", "KONTOR_SERVICE_SECRET"} {
		require.True(t, set[name], name)
	}
}

// ID-11: in production identity refuses secrets that everybody knows.
func TestIdentityRunsAsInProduction(t *testing.T) {
	for _, o := range build(t, "deploy/k8s/base") {
		if d, ok := o.(*appsv1.Deployment); ok && d.Name == "identity" {
			require.Contains(t, d.Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "KONTOR_PRODUCTION", Value: "true"})
			return
		}
	}
	t.Fatal("no identity")
}

func TestAMisspeltFieldIsRefused(t *testing.T) {
	scheme := runtime.NewScheme()
	require.NoError(t, appsv1.AddToScheme(scheme))
	decode := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	_, _, err := decode.Decode([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replica: 2}\n"), nil, nil)
	require.ErrorContains(t, err, "replica")
}

func TestComposeFile(t *testing.T) {
	o, err := cli.NewProjectOptions([]string{root + "docker-compose.yml"}, cli.WithName("kontor"),
		cli.WithEnv([]string{"KONTOR_PASSWORD=x"}))
	require.NoError(t, err)
	project, err := o.LoadProject(context.Background())
	require.NoError(t, err)
	have := map[string]bool{}
	for name, s := range project.Services {
		have[name] = true
		if s.Build != nil {
			require.True(t, strings.HasSuffix(s.Build.Dockerfile, "deploy/Dockerfile"), name)
		}
	}
	for _, s := range append(services(), "postgres", "kafka", "redis") {
		require.True(t, have[s], s)
	}
	for service, keys := range needs() {
		for _, key := range keys {
			require.Contains(t, project.Services[service].Environment, key, service)
		}
	}
}
