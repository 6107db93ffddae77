package templates

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ai-notebook/notebookbot/internal/ops"
)

// deploying is a request to deploy a version, as people see it first.
func deploying(raw string) *ops.Operation {
	op := planned()
	op.Plan.Word, op.Plan.Args, op.Plan.Reason = "deploy", []string{"v1.2.0"}, "修复登录"
	op.Plan.Details = json.RawMessage(raw)
	op.Plan.Notes = []string{
		"deploy_migrations: migrations/0012_tags.sql", "deploy_others_changed: nginx", "no_healthcheck: worker", "deploy_gap: worker",
		"deploy_unseen_image: registry.example.com/worker:v1.2.0",
		"deploy_no_remote: git fetch: Could not resolve host: git.example.com", "deploy_migrate_container: /app migrate",
	}
	op.Steps = nil
	for _, st := range []ops.StepPlan{
		{Name: "backup"},
		{Name: "checkout", Changes: true, Undo: "old_files"},
		{Name: "image:backend"},
		{Name: "image:worker", Changes: true, Undo: "old_image"},
		{Name: "pin", Changes: true, Undo: "old_pins"},
		{Name: "migrate", Changes: true},
		{Name: "roll:backend", Changes: true, Undo: "old_version"},
		{Name: "roll:worker", Changes: true, Undo: "old_version"},
		{Name: "watch"},
		{Name: "tidy"},
	} {
		st.Deadline = time.Minute
		op.Steps = append(op.Steps, ops.Step{StepPlan: st, Part: ops.PartStep, State: ops.Pending})
	}
	return op
}

const deployServices = `{"from":{"name":"v1.1.0","commit":"0123456789abcdef"},"to":{"name":"v1.2.0","commit":"ba98765432100123"},"commits":12,"files":34,"added":560,"removed":78,
	"others":["postgres","redis","nginx"],"services":[
	{"name":"backend","mode":"roll","ref":"ai-notebook/backend:v1.2.0","source":"here","image":"sha256:0123456789abcdef0123456789abcdef"},
	{"name":"worker","mode":"recreate","why":["container_name","host_network","host_port","no_healthcheck","new"],"ref":"ai-notebook_worker","source":"build"},
	{"name":"<!here>","mode":"roll","ref":"a","source":"pull"},{"name":"web","mode":"roll","ref":"b","source":"kept","image":"sha256:abc"}]}`

func TestADeployReadsWell(t *testing.T) {
	eachLocale(t, func(t *testing.T, l string, w *Templates) {
		var b book
		b.add("planned", w.Operation(OperationView{Operation: deploying(deployServices), Now: at}))
		back := deploying(`{"services":"none"}`)
		back.Plan.Word, back.Plan.Args = "rollback", nil
		back.Plan.Notes = []string{"deploy_backwards: 3", "deploy_diverged: +1 −2", "deploy_database_stays", "deploy_no_migration: scripts/migrate.sh", "deploy_migrate_host: scripts/migrate.sh up"}
		b.add("rollback", w.Operation(OperationView{Operation: back, Now: at}))
		running := deploying(deployServices)
		running.State, running.Started = ops.Running, at
		did(running, ops.StepDone, ops.StepDone, ops.StepDone, ops.StepRunning)
		running.Steps[3].Progress = ops.Progress{Done: 3, Total: 7, Unit: "layers"}
		b.add("running", w.Operation(OperationView{Operation: running, Now: at.Add(time.Minute)}))
		for _, p := range []ops.Problem{
			{Code: "deploy_which", Names: []string{"v2", "v1"}},
			{Code: "deploy_one_version", Name: "v1 v2"},
			{Code: "deploy_unknown_version", Name: "v12", Names: []string{"v1.2", "v1.1"}},
			{Code: "deploy_not_allowed", Name: "nightly", Text: "v*", Names: []string{"v2"}},
			{Code: "deploy_no_versions", Name: "/opt/ai-notebook", Text: "v*"},
			{Code: "deploy_no_checkout", Name: "/opt/ai-notebook"},
			{Code: "deploy_changed_files", Name: "/opt/ai-notebook", Names: []string{"docker-compose.yml"}, Count: 1},
			{Code: "deploy_compose_file", Name: "v2", Text: "services.backend: unknown key"},
			{Code: "deploy_env_tracked", Name: "/opt/ai-notebook/.env"},
			{Code: "deploy_not_a_tag", Name: "v1+2", Names: []string{"BACKEND_VERSION"}},
			{Code: "deploy_concerns_nothing", Name: "v2"},
			{Code: "deploy_runs_already", Name: "v2"},
			{Code: "deploy_nginx", Text: "nginx cannot load its configuration (nginx -t in shop_nginx_1):\nnginx: [emerg] unknown directive"},
			{Code: "rollback_no_past", Name: "v2", Names: []string{"v2", "v1"}},
			{Code: "rollback_no_commit", Name: "v2"},
		} {
			m, ok := w.Problem(&p, "")
			if !ok {
				t.Errorf("%s has no words", p.Code)
			}
			b.add(p.Code, m)
		}
		golden(t, l, "deploy", b.String())
	})
}
