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
    group(
        "servers",
        &[(INFRA, 0.45)],
        "nginx | apache | open port | port 22 | port 6379 | port 5432 | registrar | domain | subdomain | prod redis | prod vm | production vm | vm disk | resize the disk | bastion | ssh into | systemd | cron on the server | node group | cloud | aws | gcp | azure | s3 bucket | lambda | docker swarm | proxmox | vlan | router | switch port | 服务器 | サーバ",
    ),
    group(
        "operations",
        &[(INFRA, 0.8)],
        "node draining | kubelet | etcd | control plane | pod disruption | pdb | anti affinity | anti-affinity | taint* | toleration* | replicas: | rolling update of | ingress controller | external-dns | externaldns | letsencrypt | let's encrypt | acme challenge | wildcard cert | origin server | cloudflare | akamai | fastly | waf | ddos protection | transit gateway | direct connect | private link | endpoint policy | service account | workload identity | cross account | cross-account | aws account | organization policy | scp | kms policy | s3 lifecycle | \
        autoscaling policy | spot instances | reserved instances | instance type | instance size | resize the instance | upgrade the cluster | cluster upgrade | kubernetes upgrade | move the domain | dns cutover | change the dns | spf | dkim | dmarc | reverse proxy in front | bare metal | data center | datacenter | rack | switch config | ipsec | wireguard | openvpn | nftables | iptables | firewalld | terragrunt | crossplane | bicep | arm template | cdk | sam template | serverless framework | vagrant prod | packer | ansible | chef | puppet | salt | 防火墙 | 子网 | 安全组 | ファイアウォール | サブネット",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("infra-words", "infra-change", 80, &[(INFRA, 0.35)]),
    pair("infra-words", "stakes-live", 200, &[(INFRA, 0.3)]),
    pair("infra-words", "outage", 300, &[(INFRA, 0.3), (RELIABILITY, 0.2)]),
    pair("infra-code", "unsafe-code", 600, &[(INFRA, 0.3), (SECURITY, 0.5)]),
    pair("servers", "stakes-live", 80, &[(INFRA, 0.6)]),
    pair("servers", "infra-change", 40, &[(INFRA, 0.45)]),
    pair("servers", "outage", 200, &[(INFRA, 0.2)]),
];
