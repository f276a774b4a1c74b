BEGIN TRANSACTION;
CREATE TABLE nas_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT nas_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "nas_alembic_version" VALUES('0005');
CREATE TABLE "nas_attempt" (
	trial_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	worker TEXT, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome TEXT, 
	reason TEXT, 
	detail TEXT, 
	CONSTRAINT nas_attempt_pk PRIMARY KEY (trial_id, number), 
	CONSTRAINT nas_attempt_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id), 
	CONSTRAINT nas_attempt_outcome_ck CHECK (outcome IN ('LOST', 'INTERRUPTED', 'ENVIRONMENT', 'COMPLETE', 'STOPPED', 'FAILED'))
);
INSERT INTO "nas_attempt" VALUES(1,1,'vm:23996','2026-11-29 21:57:31.267551','2026-11-29 21:57:53.278652','STOPPED',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(2,1,'vm:23997','2026-11-29 21:57:31.280890','2026-11-29 21:57:49.582380','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(3,1,'vm:23997','2026-11-29 21:57:49.591332','2026-11-29 21:57:53.639498','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(4,1,'vm:23996','2026-11-29 21:57:53.295990','2026-11-29 21:57:54.596272','STOPPED',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(5,1,'vm:23997','2026-11-29 21:57:53.649066','2026-11-29 21:58:10.457159','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(6,1,'vm:23996','2026-11-29 21:57:54.600180','2026-11-29 21:58:11.739895','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(7,1,'vm:23997','2026-11-29 21:58:10.460420','2026-11-29 21:58:16.830015','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(8,1,'vm:23996','2026-11-29 21:58:11.750646','2026-11-29 21:58:13.222162','STOPPED',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(9,1,'vm:23996','2026-11-29 21:58:13.229423','2026-11-29 21:58:14.279997','STOPPED',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(10,1,'vm:23996','2026-11-29 21:58:14.288651','2026-11-29 21:58:17.721879','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(11,1,'vm:23997','2026-11-29 21:58:16.839432','2026-11-29 21:58:18.553640','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(12,1,'vm:23996','2026-11-29 21:58:17.777229','2026-11-29 21:58:38.847816','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(13,1,'vm:23997','2026-11-29 21:58:18.580358','2026-11-29 21:58:38.119163','COMPLETE',NULL,NULL);
INSERT INTO "nas_attempt" VALUES(14,1,'vm:23997','2026-11-29 21:58:38.175385','2026-11-29 21:58:43.282251','COMPLETE',NULL,NULL);
CREATE TABLE nas_lease (
	study_id INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	token TEXT, 
	host TEXT NOT NULL, 
	pid BIGINT NOT NULL, 
	place TEXT NOT NULL, 
	born TEXT NOT NULL, 
	acquired_at DATETIME NOT NULL, 
	renewed_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT nas_lease_pk PRIMARY KEY (study_id), 
	CONSTRAINT nas_lease_study_id_fk FOREIGN KEY(study_id) REFERENCES nas_study (id)
);
INSERT INTO "nas_lease" VALUES(1,1,NULL,'vm',23737,'bc4d992a-8778-4d23-a5d6-2da35c0b38dc pid:[4026531836]','397541','2026-11-29 21:57:30.812845','2026-11-29 21:59:10.952746','2026-11-29 21:59:40.952746');
CREATE TABLE nas_measurement (
	trial_id INTEGER NOT NULL, 
	attempt BIGINT NOT NULL, 
	epoch BIGINT NOT NULL, 
	rung BIGINT, 
	top1_error DOUBLE, 
	loss DOUBLE, 
	train_loss DOUBLE, 
	seconds DOUBLE NOT NULL, 
	CONSTRAINT nas_measurement_pk PRIMARY KEY (trial_id, attempt, epoch), 
	CONSTRAINT nas_measurement_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id)
);
INSERT INTO "nas_measurement" VALUES(2,1,1,0,7.91086350974930407886e-01,2.19115156848450576276e+00,2.26757144927978515625e+00,1.19898112320001928312e+01);
INSERT INTO "nas_measurement" VALUES(2,1,2,1,4.2618384401114206561e-01,1.26093906413213785455e+00,1.89056909084320068359e+00,1.26971764900004018277e+01);
INSERT INTO "nas_measurement" VALUES(3,1,1,0,6.88022284122562721719e-01,1.9589313305188023051e+00,2.2941226959228515625e+00,2.29189361799990365398e+00);
INSERT INTO "nas_measurement" VALUES(1,1,1,0,8.85793871866295212669e-01,2.87786576209958200323e+00,2.42058897018432617187e+00,1.62369716340003833465e+01);
INSERT INTO "nas_measurement" VALUES(3,1,2,1,3.59331476323119791693e-01,1.07495584726997739366e+00,1.61016237735748291015e+00,3.9893191050000496034e+00);
INSERT INTO "nas_measurement" VALUES(4,1,1,0,7.88300835654596077084e-01,2.44707010848276462766e+00,2.33104872703552246093e+00,1.27323862399998688488e+00);
INSERT INTO "nas_measurement" VALUES(5,1,1,0,8.96935933147632313833e-01,2.80028361796004521266e+00,2.44200277328491210937e+00,1.0727169446000061725e+01);
INSERT INTO "nas_measurement" VALUES(6,1,1,0,8.24512534818941489334e-01,2.54571533203125,2.40633702278137207031e+00,9.99808992399994167499e+00);
INSERT INTO "nas_measurement" VALUES(5,1,2,1,6.10027855153203346638e-01,1.83512942173354809405e+00,2.37991762161254882812e+00,1.6358840357999724802e+01);
INSERT INTO "nas_measurement" VALUES(6,1,2,1,0.467966573816156,1.40125676317135261506e+00,1.98427939414978027343e+00,1.70279992880000463628e+01);
INSERT INTO "nas_measurement" VALUES(8,1,1,0,8.13370473537604499192e-01,2.43495811526157712734e+00,2.3802649974823,1.44976505799968435894e+00);
INSERT INTO "nas_measurement" VALUES(7,1,1,0,8.35654596100278590498e-01,2.41459158469707535488e+00,2.39400815963745117187e+00,3.43166005700004461687e+00);
INSERT INTO "nas_measurement" VALUES(9,1,1,0,8.02228412256267398028e-01,2.55266806939850265933e+00,2.35238623619079589843e+00,1.022272847999829537e+00);
INSERT INTO "nas_measurement" VALUES(10,1,1,0,6.18384401114206117e-01,1.88687788344359330672e+00,2.271076202392578125e+00,2.00162622799962264252e+00);
INSERT INTO "nas_measurement" VALUES(7,1,2,1,5.57103064066852393665e-01,1.57781455377350288138e+00,2.11054944992065429687e+00,6.2695729629999732424e+00);
INSERT INTO "nas_measurement" VALUES(10,1,2,1,3.56545961002785516402e-01,1.15591541173398337782e+00,1.68296837806701660156e+00,3.3992234879997340613e+00);
INSERT INTO "nas_measurement" VALUES(11,1,1,0,8.18941504178272938752e-01,2.43166765728368750032e+00,2.31996130943298339843e+00,8.35047599000063200946e-01);
INSERT INTO "nas_measurement" VALUES(11,1,2,1,4.81894150417827293875e-01,1.4338717234832,2.13778543472290039062e+00,1.66523191500027678557e+00);
INSERT INTO "nas_measurement" VALUES(13,1,1,0,8.18941504178272938752e-01,2.52256345616077659599e+00,2.3294925689697265625e+00,9.1262797210001735948e+00);
INSERT INTO "nas_measurement" VALUES(12,1,1,0,0.883008356545961,2.74938454800661569166e+00,2.44633126258850097656e+00,1.03734646909997536563e+01);
INSERT INTO "nas_measurement" VALUES(13,1,2,1,4.59610027855153202569e-01,1.52504532582912610827e+00,1.9487768411636352539e+00,1.93889350500003274646e+01);
INSERT INTO "nas_measurement" VALUES(12,1,2,1,6.99164345403899711861e-01,1.98466453445987123238e+00,2.3515465259552,2.09479603780000616102e+01);
INSERT INTO "nas_measurement" VALUES(14,1,1,0,8.80222841225626773109e-01,2.53183246920699867033e+00,2.39853501319885253906e+00,3.10689680100040277466e+00);
INSERT INTO "nas_measurement" VALUES(14,1,2,1,6.88022284122562721719e-01,1.97884579289258355494e+00,2.33719110488891601562e+00,5.04958579000003737746e+00);
CREATE TABLE nas_report (
	trial_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	content TEXT NOT NULL, 
	CONSTRAINT nas_report_pk PRIMARY KEY (trial_id, kind), 
	CONSTRAINT nas_report_trial_id_fk FOREIGN KEY(trial_id) REFERENCES nas_trial (id)
);
INSERT INTO "nas_report" VALUES(3,'test','2026-11-29 21:58:47.241251','{"images": 359.0, "loss": 1.0836082182222755, "top1_error": 0.3370473537604457}');
INSERT INTO "nas_report" VALUES(10,'test','2026-11-29 21:58:48.467738','{"images": 359.0, "loss": 1.2713515087754614, "top1_error": 0.41225626740947074}');
INSERT INTO "nas_report" VALUES(5,'test','2026-11-29 21:58:52.873815','{"images": 359.0, "loss": 1.8484974810672006, "top1_error": 0.6323119777158774}');
INSERT INTO "nas_report" VALUES(12,'test','2026-11-29 21:58:58.414540','{"images": 359.0, "loss": 2.041406488020108, "top1_error": 0.7353760445682451}');
INSERT INTO "nas_report" VALUES(6,'test','2026-11-29 21:59:02.676963','{"images": 359.0, "loss": 1.4128215651658251, "top1_error": 0.4763231197771588}');
INSERT INTO "nas_report" VALUES(13,'test','2026-11-29 21:59:08.630747','{"images": 359.0, "loss": 1.5981542220686804, "top1_error": 0.5181058495821727}');
INSERT INTO "nas_report" VALUES(7,'test','2026-11-29 21:59:12.532930','{"images": 359.0, "loss": 1.5963719615033078, "top1_error": 0.5598885793871866}');
INSERT INTO "nas_report" VALUES(14,'test','2026-11-29 21:59:16.234613','{"images": 359.0, "loss": 1.9797975332956128, "top1_error": 0.7158774373259053}');
CREATE TABLE nas_study (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	seq BIGINT NOT NULL, uid TEXT DEFAULT '' NOT NULL, folder TEXT, places TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT nas_study_pk PRIMARY KEY (id), 
	CONSTRAINT nas_study_name_uq UNIQUE (name), 
	CONSTRAINT nas_study_state_ck CHECK (state IN ('RUNNING', 'INTERRUPTED', 'COMPLETE', 'FAILED'))
);
INSERT INTO "nas_study" VALUES(1,'igcv3-20m-madds-digits','{
 "name": "igcv3-20m-madds-digits",
 "space_name": "igcv3",
 "space_text": "# IGCV3: Interleaved Low-Rank Group Convolutions (Sun, Li, Liu, Wang; BMVC 2018, arXiv 1806.00178).\n# The skeleton (seven stages, strides, stem, head) is that of IGCV3-D. A list is a choice, a single\n# value is fixed. docs/spaces.md explains every key.\nschema = 1\nname = \"igcv3\"\nblock = \"igcv3\"\ntitle = \"IGCV3: interleaved low-rank group convolutions\"\n\n# What the network ships on: the budget and every cost are counted here.\n[deployment]\ninput = \"3x224x224\"\nclasses = 1000\n\n[stem]               # 3x3 convolution, batch norm, ReLU6\nwidth = 32\nstride = 2\n\n[head]               # 1x1 convolution, batch norm, ReLU6, global pooling, classifier\nwidth = 1280\n\n# Smaller task images keep fewer strides: these lose theirs, in this order. At 32x32 the stem,\n# stage2 and stage6 do, which is the authors'' CIFAR network (8x8 final map).\n[adaptation]\ndrop_strides = [\"stem\", \"stage2\", \"stage6\", \"stage3\", \"stage4\"]\n\n# Choices shared by all stages; a stage may narrow or replace them.\n[choices]\ndepth = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nexpansion = [1, 2, 3, 4, 6]\ng1 = [1, 2, 4, 8]\ng2 = [1, 2, 4, 8]\nrelu = [\"none\", \"first\", \"depthwise\", \"last\", \"first+depthwise\", \"first+last\", \"depthwise+last\", \"first+depthwise+last\"]\npermute2 = false     # [false, true] searches the second permutation too\n\n[[stage]]\nname = \"stage1\"\nstride = 1\ndepth = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nwidth = [8, 16, 24, 32]\nexpansion = [0, 1, 2]   # 0: no first convolution, as in MobileNetV2''s first block\n\n[[stage]]\nname = \"stage2\"\nstride = 2\nwidth = [16, 24, 32, 40, 48]\n\n[[stage]]\nname = \"stage3\"\nstride = 2\nwidth = [24, 32, 40, 48, 64]\n\n[[stage]]\nname = \"stage4\"\nstride = 2\nwidth = [48, 64, 80, 96, 128]\n\n[[stage]]\nname = \"stage5\"\nstride = 1\ndepth = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nwidth = [64, 96, 128, 160, 192]\n\n[[stage]]\nname = \"stage6\"\nstride = 2\nwidth = [112, 160, 192, 256, 320]\n\n[[stage]]\nname = \"stage7\"\nstride = 1\ndepth = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\nwidth = [160, 240, 320, 480, 640]\n\n# Published architectures of the family, as their authors print them (\"published\"): the numbers of\n# our own count stand beside them wherever they are shown.\n[[published]]\nname = \"igcv3-d-1.0\"\ntitle = \"IGCV3-D 1.0\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { madds = \"318M\", params = \"3.5M\", imagenet_top1_error = 0.278, source = \"params and top-1: github.com/homles11/IGCV3 (after retrain); madds: ShuffleNetV2 paper, Table 8\" }\ncounted = { params = 3491688, madds = 312970176 }\n\n[[published]]\nname = \"igcv3-w\"\ntitle = \"IGCV3-W (G=4)\"\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [32, 48, 64, 128, 192, 320, 640]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\npublished = { source = \"github.com/homles11/IGCV3, symbols/igcv3_wider.py (widths); groups from the paper; no numbers published\" }\ncounted = { params = 4009896, madds = 337948416 }\n\n[[published]]\nname = \"mobilenetv2-1.0\"\ntitle = \"MobileNetV2 1.0\"\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [0, 6, 6, 6, 6, 6, 6]\ng1 = 1\ng2 = 1\nrelu = [\"depthwise\", \"first+depthwise\", \"first+depthwise\", \"first+depthwise\", \"first+depthwise\", \"first+depthwise\", \"first+depthwise\"]\npermute2 = false\npublished = { madds = \"300M\", params = \"3.4M\", imagenet_top1_error = 0.280, source = \"MobileNetV2 paper, Table 4\" }\ncounted = { params = 3504872, madds = 300774272 }\n\n# Other known networks of the family: counted and exported, not trained as references. \"counted\" holds\n# an independent count: fvcore on other implementations of these networks (multiply-adds of\n# convolution and linear layers; params with the scale and shift of batch norm).\n\n# Width multipliers: the rounding of the published 0.7 and 1.4 is not known. The first rule is that of\n# pytorchcv''s multipliers; the others are the candidates that come near the published 210M and 610M.\n\n[[variant]]\nname = \"igcv3-d-0.75-os\"\ntitle = \"IGCV3-D 0.75, widths int(c * m), +1 if odd\"\nstem = 24\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [12, 18, 24, 48, 72, 120, 240]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2638084, madds = 189889232 }\n\n[[variant]]\nname = \"igcv3-d-0.5-os\"\ntitle = \"IGCV3-D 0.5, widths int(c * m), +1 if odd\"\nstem = 16\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [8, 12, 16, 32, 48, 80, 160]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1985528, madds = 96913888 }\n\n[[variant]]\nname = \"igcv3-d-0.25-os\"\ntitle = \"IGCV3-D 0.25, widths int(c * m), +1 if odd\"\nstem = 8\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [4, 6, 8, 16, 24, 40, 80]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1534020, madds = 34044144 }\n\n[[variant]]\nname = \"igcv3-d-0.7-os\"\ntitle = \"IGCV3-D 0.7, widths int(c * m), +1 if odd\"\nstem = 22\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [12, 16, 22, 44, 68, 112, 224]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { madds = \"210M\", imagenet_top1_error = 0.315, source = \"ShuffleNetV2 paper, Table 8; rounding unpublished, this rule: int(c * 0.7), +1 if odd, 1280 kept\" }\ncounted = { params = 2490294, madds = 166803176 }\n\n[[variant]]\nname = \"igcv3-d-1.4-os\"\ntitle = \"IGCV3-D 1.4, widths int(c * m), +1 if odd\"\nstem = 44\nhead = 1792\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [22, 34, 44, 90, 134, 224, 448]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { madds = \"610M\", imagenet_top1_error = 0.255, source = \"ShuffleNetV2 paper, Table 8; rounding unpublished, this rule: int(c * 1.4), +1 if odd, 1280 * 1.4\" }\ncounted = { params = 6015164, madds = 582341060 }\n\n[[variant]]\nname = \"igcv3-d-0.7-round-even\"\ntitle = \"IGCV3-D 0.7, widths rounded, then up to even\"\nstem = 22\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [12, 18, 22, 46, 68, 112, 224]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2502486, madds = 174574184 }\n\n[[variant]]\nname = \"igcv3-d-1.4-round-even\"\ntitle = \"IGCV3-D 1.4, widths rounded, then up to even\"\nstem = 46\nhead = 1792\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [22, 34, 46, 90, 134, 224, 448]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 6023004, madds = 590016420 }\n\n[[variant]]\nname = \"igcv3-d-0.7-ceil-even\"\ntitle = \"IGCV3-D 0.7, widths up to even\"\nstem = 24\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [12, 18, 24, 46, 68, 112, 224]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2507008, madds = 179168424 }\n\n[[variant]]\nname = \"igcv3-d-1.4-ceil-even\"\ntitle = \"IGCV3-D 1.4, widths up to even\"\nstem = 46\nhead = 1792\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [24, 34, 46, 90, 136, 224, 448]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 6044354, madds = 598809568 }\n\n[[variant]]\nname = \"igcv3-d-0.7-ceil8\"\ntitle = \"IGCV3-D 0.7, widths up to a multiple of 8\"\nstem = 24\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 24, 48, 72, 112, 224]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2548472, madds = 212438640 }\n\n[[variant]]\nname = \"igcv3-d-1.4-ceil4-head1280\"\ntitle = \"IGCV3-D 1.4, widths up to a multiple of 4, head 1280\"\nstem = 48\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [24, 36, 48, 92, 136, 224, 448]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 5332840, madds = 609609904 }\n\n# The ablation of groups: ten pairs (G1, G2), uniform over all blocks, at both inputs; 2, 2 is IGCV3-D.\n\n[[variant]]\nname = \"igcv3-d-g1-g1\"\ntitle = \"IGCV3-D 1.0, G1=1, G2=1\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 1\ng2 = 1\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 5100072, madds = 553814976 }\n\n[[variant]]\nname = \"igcv3-d-g1-g2\"\ntitle = \"IGCV3-D 1.0, G1=1, G2=2\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 1\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 4243304, madds = 439514048 }\n\n[[variant]]\nname = \"igcv3-d-g2-g1\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=1\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 1\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 4348456, madds = 427271104 }\n\n[[variant]]\nname = \"igcv3-d-g2-g4\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=4\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 3063304, madds = 255819712 }\n\n[[variant]]\nname = \"igcv3-d-g4-g2\"\ntitle = \"IGCV3-D 1.0, G1=4, G2=2\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 3115880, madds = 249698240 }\n\n[[variant]]\nname = \"igcv3-d-g4-g4\"\ntitle = \"IGCV3-D 1.0, G1=4, G2=4\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2687496, madds = 192547776 }\n\n[[variant]]\nname = \"igcv3-d-g2-g8\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=8\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 8\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2849112, madds = 227244480 }\n\n[[variant]]\nname = \"igcv3-d-g8-g2\"\ntitle = \"IGCV3-D 1.0, G1=8, G2=2\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 8\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2927976, madds = 218062272 }\n\n[[variant]]\nname = \"igcv3-d-g8-g8\"\ntitle = \"IGCV3-D 1.0, G1=8, G2=8\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 8\ng2 = 8\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2285400, madds = 132336576 }\n\n[[variant]]\nname = \"igcv3-d-g1-g1-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=1, G2=1, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 1\ng2 = 1\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 3831882, madds = 290124288 }\n\n[[variant]]\nname = \"igcv3-d-g1-g2-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=1, G2=2, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 1\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2975114, madds = 225571328 }\n\n[[variant]]\nname = \"igcv3-d-g2-g1-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=1, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 1\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 3080266, madds = 230617600 }\n\n[[variant]]\nname = \"igcv3-d-g2-g4-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=4, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1795114, madds = 133788160 }\n\n[[variant]]\nname = \"igcv3-d-g4-g2-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=4, G2=2, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1847690, madds = 136311296 }\n\n[[variant]]\nname = \"igcv3-d-g4-g4-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=4, G2=4, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1419306, madds = 104034816 }\n\n[[variant]]\nname = \"igcv3-d-g2-g8-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=2, G2=8, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 8\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1580922, madds = 117649920 }\n\n[[variant]]\nname = \"igcv3-d-g8-g2-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=8, G2=2, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 8\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1659786, madds = 121434624 }\n\n[[variant]]\nname = \"igcv3-d-g8-g8-cifar10\"\ntitle = \"IGCV3-D 1.0, G1=8, G2=8, CIFAR\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 8\ng2 = 8\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1017210, madds = 73019904 }\n\n# The ablation of ReLU placement: three blocks were compared, and IGCV3''s (after the depthwise only)\n# won. The counts do not depend on the placement.\n\n[[variant]]\nname = \"igcv3-d-relu-first-depthwise\"\ntitle = \"IGCV3-D 1.0, ReLU6 after the first and the depthwise convolution\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"first+depthwise\"\npermute2 = false\npublished = { source = \"the placement of MobileNetV2, worse than IGCV3-D by the paper; no accuracy found\" }\ncounted = { params = 3491688, madds = 312970176 }\n\n[[variant]]\nname = \"igcv3-d-relu-first\"\ntitle = \"IGCV3-D 1.0, ReLU6 after the first convolution only\"\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"first\"\npermute2 = false\npublished = { source = \"a reconstruction: the paper''s third placement was found in no source\" }\ncounted = { params = 3491688, madds = 312970176 }\n\n# CIFAR: 32x32, strides 1,1,2,2,1,1,1. The authors'' 0.5x and 0.7x have fewer blocks, of which no table\n# was published: the entries marked so reconstruct them from the parameter counts.\n\n[[variant]]\nname = \"igcv3-d-1.0-cifar10\"\ntitle = \"IGCV3-D 1.0, CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { madds = \"166M\", params = \"2.4M\", top1_error = 0.0504, source = \"params and top-1: github.com/homles11/IGCV3; madds: SeesawNet paper, Tables 3 and 4\" }\ncounted = { params = 2223498, madds = 166064640 }\n\n[[variant]]\nname = \"igcv3-d-1.0-cifar100\"\ntitle = \"IGCV3-D 1.0, CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 4, 6, 8, 6, 6, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { madds = \"166M\", params = \"2.4M\", top1_error = 0.2205, source = \"params and top-1: github.com/homles11/IGCV3; madds: SeesawNet paper, Tables 3 and 4\" }\ncounted = { params = 2338788, madds = 166179840 }\n\n[[variant]]\nname = \"igcv3-d-reps-1234331-cifar10\"\ntitle = \"IGCV3-D with MobileNetV2''s blocks per stage, CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.4M\", madds = \"100M\", top1_error = 0.0525, source = \"SeesawNet paper, Tables 3 and 4, IGCV3 (0.5D); top-1: github.com/cvtower/SeesawNet_pytorch\" }\ncounted = { params = 1379722, madds = 100348416 }\n\n[[variant]]\nname = \"igcv3-d-reps-1234331-cifar100\"\ntitle = \"IGCV3-D with MobileNetV2''s blocks per stage, CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.5M\", madds = \"100M\", top1_error = 0.2235, source = \"SeesawNet paper, Tables 3 and 4, IGCV3 (0.5D); top-1: github.com/cvtower/SeesawNet_pytorch\" }\ncounted = { params = 1495012, madds = 100463616 }\n\n[[variant]]\nname = \"igcv3-d-reps-1244321-cifar10\"\ntitle = \"IGCV3-D 0.5x, reconstruction, CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 2, 4, 4, 3, 2, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.2M\", top1_error = 0.0527, source = \"github.com/homles11/IGCV3; blocks per stage unpublished, these fit its params\" }\ncounted = { params = 1222026, madds = 91980288 }\n\n[[variant]]\nname = \"igcv3-d-reps-1244321-cifar100\"\ntitle = \"IGCV3-D 0.5x, reconstruction, CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 2, 4, 4, 3, 2, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.2M\", top1_error = 0.2271, source = \"github.com/homles11/IGCV3; blocks per stage unpublished, these fit its params\" }\ncounted = { params = 1337316, madds = 92095488 }\n\n[[variant]]\nname = \"igcv3-d-reps-1346441-cifar10\"\ntitle = \"IGCV3-D 0.7x, reconstruction, CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 3, 4, 6, 4, 4, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.7M\", top1_error = 0.0508, source = \"github.com/homles11/IGCV3; blocks per stage unpublished, these fit its params\" }\ncounted = { params = 1682570, madds = 125071872 }\n\n[[variant]]\nname = \"igcv3-d-reps-1346441-cifar100\"\ntitle = \"IGCV3-D 0.7x, reconstruction, CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 3, 4, 6, 4, 4, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { params = \"1.7M\", top1_error = 0.2217, source = \"github.com/homles11/IGCV3; blocks per stage unpublished, these fit its params\" }\ncounted = { params = 1797860, madds = 125187072 }\n\n[[variant]]\nname = \"igcv3-d-reps-1468621-cifar10\"\ntitle = \"IGCV3-D 0.7x, another reconstruction, CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 4, 6, 8, 6, 2, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1557898, madds = 124531200 }\n\n[[variant]]\nname = \"igcv3-d-reps-1468621-cifar100\"\ntitle = \"IGCV3-D 0.7x, another reconstruction, CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 4, 6, 8, 6, 2, 1]\nwidth = [16, 24, 32, 64, 96, 160, 320]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 1673188, madds = 124646400 }\n\n[[variant]]\nname = \"igcv3-w-cifar10\"\ntitle = \"IGCV3-W (G=4), CIFAR-10\"\ninput = \"3x32x32\"\nclasses = 10\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [32, 48, 64, 128, 192, 320, 640]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2741706, madds = 198455808 }\n\n[[variant]]\nname = \"igcv3-w-cifar100\"\ntitle = \"IGCV3-W (G=4), CIFAR-100\"\ninput = \"3x32x32\"\nclasses = 100\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [32, 48, 64, 128, 192, 320, 640]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 4\ng2 = 4\nrelu = \"depthwise\"\npermute2 = false\ncounted = { params = 2856996, madds = 198571008 }\n\n# Wider networks.\n\n[[variant]]\nname = \"igcv3-w-g2-as-coded\"\ntitle = \"IGCV3-W with G=2\"\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [32, 48, 64, 128, 192, 320, 640]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = 2\ng2 = 2\nrelu = \"depthwise\"\npermute2 = false\npublished = { source = \"github.com/homles11/IGCV3, symbols/igcv3_wider.py as coded; the paper has G=4\" }\ncounted = { params = 5724968, madds = 585817856 }\n\n[[variant]]\nname = \"igcv3-widest-strict\"\ntitle = \"Widest IGCV3 under the strict condition\"\ndepth = [1, 2, 3, 4, 3, 3, 1]\nwidth = [48, 96, 144, 288, 648, 1080, 840]\nexpansion = [1, 6, 6, 6, 6, 6, 6]\ng1 = [4, 24, 24, 36, 72, 72, 108]\ng2 = \"strict\"\nrelu = \"depthwise\"\npermute2 = false\npublished = { source = \"generated by rule (nas.complementary.widest, within IGCV3-W stage by stage); no table published\" }\n",
 "budget": [
  {
   "cost": "madds",
   "limit": 20000000,
   "device": ""
  }
 ],
 "input": "3x32x32",
 "classes": 10,
 "task": "digits",
 "data_dir": null,
 "recipe": "# digits\nepochs = 8\nbatch_size = 64\nlr = 0.05\nwarmup_epochs = 1.0\nschedule = \"cosine\"\nmomentum = 0.9\nweight_decay = 0.0005\nlabel_smoothing = 0.0\nbn_momentum = 0.4\nbn_batches = 8\naugment = true\n",
 "rungs": [
  1,
  2
 ],
 "eta": 3,
 "objectives": [
  "top1_error",
  "madds"
 ],
 "reference_point": [
  1.0,
  20000000.0
 ],
 "sampler": "predictor",
 "num_trials": 6,
 "published": true,
 "seed": 0,
 "limit": null,
 "more_spaces": [],
 "block": 1,
 "reuse": true,
 "confirm": 2,
 "seeds": 2,
 "proxies": false,
 "image_size": null,
 "skip_corrupt": false,
 "resolutions": [],
 "latency": [],
 "time_limit": null,
 "strides": [],
 "task_strides": [],
 "stride_rule": 2,
 "task_input": "1x8x8",
 "reference_seeds": 2,
 "data": {
  "digest": "92b5b56cc265dc40e53b4748a28e8ed003d897ee941848c41a08dcfad9c18740",
  "train": 1079,
  "val": 359,
  "test": 359
 }
}','{"python": "3.11.7", "nas": "0.1.0", "torch": "2.15.0", "torchvision": "0.29.2", "ray": "2.60.0", "optuna": "5.0.0", "fvcore": "0.1.5.post20221221", "numpy": "2.4.6", "sqlalchemy": "2.1.9", "plotly": "7.1.0"}','COMPLETE','2026-11-29 21:57:30.803990',61,'857f1706c8bb0f42','igcv3-20m-madds-digits','["/results/nas-results"]');
CREATE TABLE nas_training (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	arch_id TEXT NOT NULL, 
	study TEXT, 
	trial BIGINT, 
	created_at DATETIME NOT NULL, 
	content TEXT NOT NULL, 
	CONSTRAINT nas_training_pk PRIMARY KEY (id), 
	CONSTRAINT nas_training_name_seed_uq UNIQUE (name, seed)
);
CREATE TABLE nas_trial (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	architecture TEXT NOT NULL, 
	arch_id TEXT NOT NULL, 
	madds BIGINT NOT NULL, 
	params BIGINT NOT NULL, 
	acts BIGINT NOT NULL, 
	counted_madds BIGINT, 
	counted_params BIGINT, 
	counted_acts BIGINT, 
	state TEXT NOT NULL, 
	attempt BIGINT NOT NULL, 
	lost BIGINT NOT NULL, 
	seed BIGINT NOT NULL, 
	reference TEXT, 
	worker TEXT, 
	created_at DATETIME, 
	finished_at DATETIME, 
	seconds DOUBLE, 
	fail_reason TEXT, 
	fail_detail TEXT, 
	weights_path TEXT, 
	weights_sha256 TEXT, proxies TEXT, origin TEXT, replicate_of BIGINT, replicate BIGINT DEFAULT '0' NOT NULL, latency BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT nas_trial_pk PRIMARY KEY (id), 
	CONSTRAINT nas_trial_study_id_number_uq UNIQUE (study_id, number), 
	CONSTRAINT nas_trial_study_id_fk FOREIGN KEY(study_id) REFERENCES nas_study (id), 
	CONSTRAINT nas_trial_state_ck CHECK (state IN ('WAITING', 'RUNNING', 'COMPLETE', 'STOPPED', 'FAILED'))
);
INSERT INTO "nas_trial" VALUES(1,1,0,'igcv3:depth=1-2-1-1-3-1-1,width=8-32-40-80-64-160-160,expansion=1-1-4-1-1-1-1,g1=8-2-8-8-4-4-2,g2=8-4-8-8-1-2-4,relu=first+last-first+last-first+depthwise-last-first+depthwise+last-first+depthwise+last-first+last,permute2=no','c644d9d8c9ba',19756032,276322,615946,19756032,276322,615946,'STOPPED',1,0,2968811710,NULL,'vm:23996','2026-11-29 21:57:31.267551','2026-11-29 21:57:53.278652',1.62369716340003833465e+01,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(2,1,1,'igcv3:depth=1-1-1-2-1-1-0,width=8-24-24-48-64-112-_,expansion=0-1-1-1-2-2-_,g1=1-2-8-4-4-4-_,g2=8-2-1-4-4-4-_,relu=none-first+last-depthwise+last-first-depthwise+last-none-_,permute2=no','8a07f03a2289',11713536,175642,293386,11713536,175642,293386,'COMPLETE',1,0,3964924996,NULL,'vm:23997','2026-11-29 21:57:31.280890','2026-11-29 21:57:49.582380',1.27228541430004042926e+01,NULL,NULL,'igcv3-20m-madds-digits/trial-1-1-857f1706c8bb0f42.safetensors','bc54b4c6223f52f56acf4cfb2c478d780389b72ecfe9a82bed4a71edce6cac4b',NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(3,1,2,'igcv3:depth=3-2-3-2-1-1-2,width=8-16-24-64-64-192-160,expansion=1-1-1-2-1-1-1,g1=2-8-2-2-4-4-8,g2=4-8-8-2-4-4-8,relu=depthwise-none-none-first-depthwise-none-first+last,permute2=no','2bfe39c982a8',18413056,266010,521226,18413056,266010,521226,'COMPLETE',1,0,3141116543,NULL,'vm:23997','2026-11-29 21:57:49.591332','2026-11-29 21:57:53.639498',4.03453311600014785653e+00,NULL,NULL,'igcv3-20m-madds-digits/trial-2-1-857f1706c8bb0f42.safetensors','0755f39a3a5bf5b71f3e975c13dfcec26a000b6bc0cd73ce0eac9141ff32a01a',NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(4,1,3,'igcv3:depth=1-1-2-3-1-1-0,width=8-16-24-64-64-112-_,expansion=1-3-1-1-1-2-_,g1=2-4-8-4-4-8-_,g2=8-8-2-1-2-8-_,relu=none-first-first+last-first+depthwise-first+depthwise-depthwise+last-_,permute2=no','6c6fddfbdda2',12875776,185290,371210,12875776,185290,371210,'STOPPED',1,0,2613022947,NULL,'vm:23996','2026-11-29 21:57:53.295990','2026-11-29 21:57:54.596272',1.27323862399998688488e+00,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(5,1,4,'igcv3:depth=1-4-6-8-6-6-1,width=16-24-32-64-96-160-320,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no','9e6bf852e16c',166064640,2223498,3887114,166064640,2223498,3887114,'COMPLETE',1,0,1874364848,'igcv3-d-1.0','vm:23997','2026-11-29 21:57:53.649066','2026-11-29 21:58:10.457159',1.67900890989999425069e+01,NULL,NULL,'igcv3-20m-madds-digits/trial-4-1-857f1706c8bb0f42.safetensors','2daba1da6cb1bfdd04d395573e931c019418d2d79ac51bd1cadcad570e279eb4',NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(6,1,5,'igcv3:depth=1-2-3-4-3-3-1,width=32-48-64-128-192-320-640,expansion=1-6-6-6-6-6-6,g1=4,g2=4,relu=depthwise,permute2=no','0fa26288a28c',198455808,2741706,3973130,198455808,2741706,3973130,'COMPLETE',1,0,161328693,'igcv3-w','vm:23996','2026-11-29 21:57:54.600180','2026-11-29 21:58:11.739895',1.71123441830000047048e+01,NULL,NULL,'igcv3-20m-madds-digits/trial-5-1-857f1706c8bb0f42.safetensors','24a4f56fa7253f3d1b484c585be752f7a58ba11fdc1ba25ddadca4995a031e34',NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(7,1,6,'igcv3:depth=1-2-3-4-3-3-1,width=16-24-32-64-96-160-320,expansion=0-6-6-6-6-6-6,g1=1,g2=1,relu=depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise,permute2=no','2e7c56e4db3a',165163520,2236682,2043914,165163520,2236682,2043914,'COMPLETE',1,0,2617721224,'mobilenetv2-1.0','vm:23997','2026-11-29 21:58:10.460420','2026-11-29 21:58:16.830015',6.33724845300002925796e+00,NULL,NULL,'igcv3-20m-madds-digits/trial-6-1-857f1706c8bb0f42.safetensors','1e63fe270455fe35e6a34915eca1084bc63dae0be82a75831514900eac104696',NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(8,1,7,'igcv3:depth=5-2-2-1-1-1-0,width=16-32-32-80-96-112-_,expansion=1-1-2-1-1-4-_,g1=4-1-8-2-2-2-_,g2=2-2-4-8-4-8-_,relu=depthwise-first+depthwise+last-first+depthwise-depthwise-none-first+depthwise-_,permute2=no','39f9692ac20c',17980928,205258,776202,17980928,205258,776202,'STOPPED',1,0,1369798745,NULL,'vm:23996','2026-11-29 21:58:11.750646','2026-11-29 21:58:13.222162',1.44976505799968435894e+00,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(9,1,8,'igcv3:depth=4-1-4-1-1-1-0,width=8-16-32-96-128-112-_,expansion=0-3-1-2-1-1-_,g1=1-2-2-4-8-2-_,g2=8-2-8-2-1-8-_,relu=none-first+depthwise+last-depthwise-last-first+depthwise-depthwise-_,permute2=no','38a8d9971b9d',14051840,196274,443402,14051840,196274,443402,'STOPPED',1,0,3026431988,NULL,'vm:23996','2026-11-29 21:58:13.229423','2026-11-29 21:58:14.279997',1.022272847999829537e+00,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0);
INSERT INTO "nas_trial" VALUES(10,1,9,'igcv3:depth=3-2-3-2-1-1-2,width=8-16-24-64-64-192-160,expansion=1-1-1-2-1-1-1,g1=2-8-2-2-4-4-8,g2=4-8-8-2-4-4-8,relu=depthwise-none-none-first-depthwise-none-first+last,permute2=no','2bfe39c982a8',18413056,266010,521226,18413056,266010,521226,'COMPLETE',1,0,1961547765,NULL,'vm:23996','2026-11-29 21:58:14.288651','2026-11-29 21:58:17.721879',3.415504122999664105e+00,NULL,NULL,'igcv3-20m-madds-digits/trial-9-1-857f1706c8bb0f42.safetensors','96edeea1747698295f2b9e460bd2527e00a871504b4b450ec6a902b18ea5c260',NULL,NULL,2,1,0);
INSERT INTO "nas_trial" VALUES(11,1,10,'igcv3:depth=1-1-1-2-1-1-0,width=8-24-24-48-64-112-_,expansion=0-1-1-1-2-2-_,g1=1-2-8-4-4-4-_,g2=8-2-1-4-4-4-_,relu=none-first+last-depthwise+last-first-depthwise+last-none-_,permute2=no','8a07f03a2289',11713536,175642,293386,11713536,175642,293386,'COMPLETE',1,0,901243215,NULL,'vm:23997','2026-11-29 21:58:16.839432','2026-11-29 21:58:18.553640',1.67598325900007694144e+00,NULL,NULL,'igcv3-20m-madds-digits/trial-10-1-857f1706c8bb0f42.safetensors','d31c01c1a2af29489d76edcd57d5c83af6ab2752ddaa614555bda59af80e341d',NULL,NULL,1,1,0);
INSERT INTO "nas_trial" VALUES(12,1,11,'igcv3:depth=1-4-6-8-6-6-1,width=16-24-32-64-96-160-320,expansion=1-6-6-6-6-6-6,g1=2,g2=2,relu=depthwise,permute2=no','9e6bf852e16c',166064640,2223498,3887114,166064640,2223498,3887114,'COMPLETE',1,0,2040376534,NULL,'vm:23996','2026-11-29 21:58:17.777229','2026-11-29 21:58:38.847816',2.10439843310000469496e+01,NULL,NULL,'igcv3-20m-madds-digits/trial-11-1-857f1706c8bb0f42.safetensors','789c243e1483c3dd6364f2ab126b95f27ae8c3098ef506eab4deabafb9420e52',NULL,NULL,4,1,0);
INSERT INTO "nas_trial" VALUES(13,1,12,'igcv3:depth=1-2-3-4-3-3-1,width=32-48-64-128-192-320-640,expansion=1-6-6-6-6-6-6,g1=4,g2=4,relu=depthwise,permute2=no','0fa26288a28c',198455808,2741706,3973130,198455808,2741706,3973130,'COMPLETE',1,0,1565899405,NULL,'vm:23997','2026-11-29 21:58:18.580358','2026-11-29 21:58:38.119163',1.9504691828999966674e+01,NULL,NULL,'igcv3-20m-madds-digits/trial-12-1-857f1706c8bb0f42.safetensors','e5ec827dcc2445cf19027bba9e32b40c9229066be0743470475645337f43b241',NULL,NULL,5,1,0);
INSERT INTO "nas_trial" VALUES(14,1,13,'igcv3:depth=1-2-3-4-3-3-1,width=16-24-32-64-96-160-320,expansion=0-6-6-6-6-6-6,g1=1,g2=1,relu=depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise-first+depthwise,permute2=no','2e7c56e4db3a',165163520,2236682,2043914,165163520,2236682,2043914,'COMPLETE',1,0,1749781631,NULL,'vm:23997','2026-11-29 21:58:38.175385','2026-11-29 21:58:43.282251',5.07507218199998533236e+00,NULL,NULL,'igcv3-20m-madds-digits/trial-13-1-857f1706c8bb0f42.safetensors','0898e8337d1c2b5e34dedd2232eed38217230a5789ae7f32b748f1a8b04bb656',NULL,NULL,6,1,0);
CREATE INDEX nas_trial_arch_id_ix ON nas_trial (arch_id);
CREATE UNIQUE INDEX nas_study_uid_ix ON nas_study (uid);
COMMIT;
