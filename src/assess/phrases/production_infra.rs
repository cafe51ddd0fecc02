//! Production infrastructure: Terraform, Kubernetes, cloud, network, DNS and access of live systems.

use super::{Group, INFRA, Pair, RELIABILITY, SECURITY, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "infra-words",
        &[(INFRA, 0.8)],
        "terraform | opentofu | pulumi | cloudformation | kubernetes | k8s | kubectl | helm chart | helm | eks | gke | aks | ecs | ingress | istio | service mesh | cert-manager | argocd | argo cd | node pool | nodegroup | statefulset | daemonset | configmap | persistent volume | pvc | \
        horizontalpodautoscaler | hpa | cluster autoscaler | load balancer | alb | nlb | elb | haproxy | cloudfront | cdn config | route53 | route 53 | dns record | dns | mx record | a record | cname | nameserver | ttl | \
        iam | iam policy | iam role | security group | vpc | subnet | nat gateway | peering | firewall rule | vpn | bgp | ec2 | rds | cloud run | app engine | azure vm | ansible playbook | nomad cluster | consul cluster | \
        production cluster | prod cluster | production server | prod server | production database server | autoscaling group | tfstate | terraform state | terraform plan | terraform apply | \
        lastverteiler | 集群 | 域名解析 | 负载均衡 | クラスタ | ロードバランサ | ネームサーバ",
    ),
    code(
        "infra-code",
        &[(INFRA, 0.7)],
        "resource \"aws_* | resource \"google_* | resource \"azurerm_* | apiversion: apps/v1 | kind: deployment | kind: ingress | kind: service | terraform plan | terraform apply | must be replaced | cidr_blocks | security_group | kubectl apply | kubectl delete | kubectl exec | kubectl rollout | helm upgrade | aws iam | gcloud compute | az vm",
    ),
    group(
        "infra-change",
        &[],
        "switch | move | migrate | upgrade | rotate | apply | delete | destroy | drain | expose | change | cut over | cutover | open port | open the port | roll out | rollout | scale | replace | role needs | needs to push | policy json | yaml for | tonight | umstell* | cambiar | 切换 | 升级 | 切り替え",
    ),
    group(
        "only-local",
        &[(INFRA, -0.9)],
        "minikube | kind cluster | k3d | docker desktop | docker-compose for local | local dev | localhost | on my laptop | on my machine | my laptop | for learning | homelab | lokal | en local | 本地 | ローカル",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("infra-words", "infra-change", 80, &[(INFRA, 0.35)]),
    pair("infra-words", "stakes-live", 200, &[(INFRA, 0.3)]),
    pair("infra-words", "outage", 300, &[(INFRA, 0.3), (RELIABILITY, 0.2)]),
    pair("infra-code", "unsafe-code", 600, &[(INFRA, 0.3), (SECURITY, 0.5)]),
];
