use crate::exit::Failure;
use super::interrupt::Interrupts;
use super::options::Options;
use crate::modules::Modules;
pub struct Parts { client: kube::Client }
impl Parts {
    pub async fn start(_modules: &Modules, _options: &Options) -> Result<Self, Failure> { 
        let server = millrace_cluster::ApiServer::new();
        Ok(Self { client: server.client() }) }
    pub fn client(&self) -> &kube::Client { &self.client }
    pub async fn stop(self, _interrupts: &mut Interrupts) {}
}
